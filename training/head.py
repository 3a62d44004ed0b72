"""The last layer of a served model: taken out of its ONNX graph, fitted anew, and put back.

    embeddings + targets + the old head -> Head

The encoder stays as it is, so a fit is a convex problem of some ten thousand numbers: two seconds, and no torch.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from training.evaluate import Floats, softmax

_PLACE = "/head/Gemm_MatMul_quant"
_BIAS = "head.bias"
MOST_STEPS = 200


class UnknownGraph(ValueError):
    """The model's graph has no quantised head where this program's export puts it."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A linear layer from embedding to logits.

    Attributes:
        weight: (width, categories).
        bias: (categories,).
    """

    weight: Floats
    bias: Floats

    def logits(self, embeddings: Floats) -> Floats:
        """Return logits (n, categories)."""
        return np.asarray(embeddings @ self.weight + self.bias, dtype=np.float32)


def fit_head(embeddings: Floats, targets: Floats, weights: Floats, start: Head, *, stay: float) -> Head:
    """Return the head with the least weighted cross-entropy, not far from where it started.

    Args:
        embeddings: (n, width).
        targets: Shares (n, categories) that sum to 1: a label, or what the old head says where it shall be kept.
        weights: How much each row counts, above 0.
        start: The old head.
        stay: What a squared change of one weight costs, at least 0.
    """
    inputs = np.hstack([embeddings, np.ones((len(embeddings), 1), dtype=np.float32)])
    before = np.vstack([start.weight, start.bias]).astype(np.float64)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        now = flat.reshape(before.shape)
        stated = softmax(inputs @ now.astype(np.float32))
        moved = now - before
        missed = -float((weights * (targets * np.log(stated + 1e-9)).sum(axis=1)).sum())
        slope = inputs.T @ ((stated - targets) * weights[:, None]) + 2 * stay * moved
        return missed + stay * float((moved**2).sum()), slope.astype(np.float64).ravel()

    # One thread: the products are small, and threads that wait for each other cost more than they save.
    with threadpool_limits(1):
        found = minimize(loss, before.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    fitted = found.x.reshape(before.shape).astype(np.float32)
    return Head(weight=fitted[:-1], bias=fitted[-1])


def read_head(model: Path) -> Head:
    """Return the head of an exported model (training/export.py), its int8 weights as numbers.

    Raises:
        UnknownGraph: There is none.
    """
    graph = onnx.load(str(model)).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weight, scale, zero = _names(graph)
    plain = (tensors[weight].astype(np.float32) - tensors[zero].astype(np.float32)) * tensors[scale]
    return Head(weight=np.asarray(plain, dtype=np.float32), bias=tensors[_BIAS].astype(np.float32))


def write_head(model: Path, head: Head, to: Path) -> None:
    """Write a copy of a model with another head, quantised as the export does it: int8, one scale for each category.

    Raises:
        UnknownGraph: The model has no head of that form.
    """
    document = onnx.load(str(model))
    weight, scale, zero = _names(document.graph)
    scales = np.maximum(np.abs(head.weight).max(axis=0) / 127, 1e-12).astype(np.float32)
    new = {
        weight: np.round(head.weight / scales).clip(-127, 127).astype(np.int8),
        scale: scales,
        zero: np.zeros(len(scales), dtype=np.int8),
        _BIAS: head.bias.astype(np.float32),
    }
    for tensor in document.graph.initializer:
        if tensor.name in new:
            _replace(tensor, new[tensor.name])
    scratch = to.with_suffix(".part")
    onnx.save(document, str(scratch))
    shutil.move(scratch, to)


def _replace(tensor: onnx.TensorProto, values: npt.NDArray[np.generic]) -> None:
    if tuple(tensor.dims) != values.shape:
        raise UnknownGraph(f"{tensor.name} is {tuple(tensor.dims)}, the new head has {values.shape}")
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _names(graph: onnx.GraphProto) -> tuple[str, str, str]:
    """Return the names of the head's weights, scales and zero points, as the quantiser chose them."""
    for node in graph.node:
        if node.op_type == "MatMulInteger" and node.name == _PLACE:
            stem = node.input[1].removesuffix("_quantized")
            names = {tensor.name for tensor in graph.initializer}
            found = (f"{stem}_quantized", f"{stem}_scale", f"{stem}_zero_point")
            if {*found, _BIAS} <= names:
                return found
    raise UnknownGraph(f"the graph has no quantised layer at {_PLACE}")


def one_hot(labels: Sequence[str], categories: Sequence[str], smoothing: float) -> Floats:
    """Return targets (n, categories) of labels, a share of each spread over all categories."""
    targets = np.full((len(labels), len(categories)), smoothing / len(categories), dtype=np.float32)
    targets[np.arange(len(labels)), [categories.index(label) for label in labels]] += 1 - smoothing
    return targets
