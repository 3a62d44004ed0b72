"""What single word pieces say for themselves: a table beside the network, and how it is fitted, written and read.

    logits of a text = what the network says + the sum of its pieces' rows

The network reads meaning, and meaning it learnt from thousands of texts; a provider's new vocabulary it has never seen. A
table with a row for each word piece learns that from a handful of labels in a second, without torch, and leaves alone
whatever lacks those pieces: the more templates a piece is known from, the dearer it is to let it speak.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy import sparse
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from classifier.predict.onnx import OnnxPredictor
from training.evaluate import Floats, softmax

_ROWS, _SCALE = "pieces.weight_quantized", "pieces.weight_scale"
_LOGITS, _NETWORK = "logits", "network_logits"
_IDS, _MASK = "input_ids", "attention_mask"
_WORDS = ("words.weight_quantized", "words.weight")
MOST_STEPS = 300


class UnknownGraph(ValueError):
    """The model's graph is not one of this program's export."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """A table of what word pieces say.

    Attributes:
        rows: (vocabulary, categories): added to the logits wherever the piece stands.
    """

    rows: Floats

    def logits(self, counts: sparse.csr_matrix) -> Floats:
        """Return what the table adds (n, categories) to the logits of texts."""
        return np.asarray(counts @ self.rows, dtype=np.float32)


def piece_counts(predictor: OnnxPredictor, templates: Sequence[str], vocabulary: int) -> sparse.csr_matrix:
    """Return how often each word piece stands in each template: (n, vocabulary). Marks of start and end count for nothing."""
    ids = [predictor.tokens(template)[1:-1] for template in templates]
    ends = np.cumsum([0, *(len(one) for one in ids)])
    flat = np.fromiter((piece for one in ids for piece in one), dtype=np.int32, count=int(ends[-1]))
    counts = sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=(len(ids), vocabulary))
    counts.sum_duplicates()
    return counts


def fit_pieces(
    said: Floats,
    counts: sparse.csr_matrix,
    targets: Floats,
    weights: Floats,
    known: npt.NDArray[np.floating],
    *,
    cost: float,
) -> Pieces:
    """Return the table with the least weighted cross-entropy, as small as may be.

    Args:
        said: Logits (n, categories) without a table.
        counts: Pieces of the texts (n, vocabulary).
        targets: Shares (n, categories) that sum to 1.
        weights: How much each row counts, above 0.
        known: How well each piece is known (vocabulary): from how many templates; a piece of which it is -1 stays silent.
        cost: Of a squared number of an unknown piece's row, in nats; a piece known from k templates costs 1 + k times that.
    """  # fmt: skip
    free = np.flatnonzero(known >= 0)
    # In units in which every number costs the same, the search is quick.
    units = (1 / np.sqrt(1.0 + known[free])).astype(np.float32)
    inputs = (counts[:, free] @ sparse.diags(units)).tocsr()
    touched = np.diff(inputs.indptr) > 0  # what no free piece stands in cannot move
    inputs, said, targets, weights = inputs[touched], said[touched], targets[touched], weights[touched]
    turned = inputs.T.tocsr()
    shape = (len(free), said.shape[1])

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        rows = flat.reshape(shape)
        stated = softmax(said + inputs @ rows.astype(np.float32))
        missed = -float((weights * (targets * np.log(stated + 1e-9)).sum(axis=1)).sum())
        slope = turned @ ((stated - targets) * weights[:, None]) + 2 * cost * rows
        return missed + cost * float((rows**2).sum()), slope.astype(np.float64).ravel()

    # One thread: the products are small, and threads that wait for each other cost more than they save.
    with threadpool_limits(1):
        found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    rows = np.zeros((counts.shape[1], said.shape[1]), dtype=np.float32)
    rows[free] = found.x.reshape(shape) * units[:, None]
    return Pieces(rows=rows)


def read_pieces(model: Path, categories: int) -> Pieces:
    """Return a model's table, silent where it has none.

    Raises:
        UnknownGraph: The model is not of this program's export.
    """
    graph = onnx.load(str(model)).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    words = next((tensors[name] for name in _WORDS if name in tensors), None)
    if words is None or _LOGITS not in {output.name for output in graph.output}:
        raise UnknownGraph(f"{model}: has no word vectors or no logits where this program's export puts them")
    if _ROWS not in tensors:
        return Pieces(rows=np.zeros((words.dims[0], categories), dtype=np.float32))
    quantised, scale = (numpy_helper.to_array(tensors[name]).astype(np.float32) for name in (_ROWS, _SCALE))
    return Pieces(rows=np.asarray(quantised * scale, dtype=np.float32))


def write_pieces(model: Path, pieces: Pieces, to: Path) -> None:
    """Write a copy of a model with a table, in place of the one that it has: int8, one scale for each category.

    Raises:
        UnknownGraph: The table does not fit the model.
    """
    if read_pieces(model, pieces.rows.shape[1]).rows.shape != pieces.rows.shape:
        raise UnknownGraph(f"{model}: a table of {pieces.rows.shape} does not fit")
    document = onnx.load(str(model))
    graph = document.graph
    scale = np.maximum(np.abs(pieces.rows).max(axis=0) / 127, 1e-12).astype(np.float32)
    rows = np.round(pieces.rows / scale).clip(-127, 127).astype(np.int8)
    new = {
        tensor.name: tensor for tensor in (numpy_helper.from_array(rows, _ROWS), numpy_helper.from_array(scale, _SCALE))
    }
    there = {tensor.name: tensor for tensor in graph.initializer}
    if _ROWS in there:
        for name, tensor in new.items():
            there[name].CopyFrom(tensor)
    else:
        _speak_up(graph)
        graph.initializer.extend([*new.values(), numpy_helper.from_array(np.array([1]), "pieces.axis_1"), numpy_helper.from_array(np.array([2]), "pieces.axis_2")])  # fmt: skip
    scratch = to.with_suffix(".part")
    onnx.save(document, str(scratch))
    shutil.move(scratch, to)


def _speak_up(graph: onnx.GraphProto) -> None:
    """Add the table's operations to a graph: its logits become what the network says plus what the pieces say."""
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name == _LOGITS:
                node.output[at] = _NETWORK
    graph.node.extend([
        helper.make_node("Gather", [_ROWS, _IDS], ["pieces.rounded"], name="/pieces/Gather"),
        helper.make_node("Cast", ["pieces.rounded"], ["pieces.whole"], name="/pieces/Cast", to=TensorProto.FLOAT),
        helper.make_node("Cast", [_MASK], ["pieces.mask"], name="/pieces/Mask", to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["pieces.mask", "pieces.axis_2"], ["pieces.seen"], name="/pieces/Unsqueeze"),
        helper.make_node("Mul", ["pieces.whole", "pieces.seen"], ["pieces.visible"], name="/pieces/Visible"),
        helper.make_node("ReduceSum", ["pieces.visible", "pieces.axis_1"], ["pieces.sum"], name="/pieces/Sum", keepdims=0),
        helper.make_node("Mul", ["pieces.sum", _SCALE], ["pieces.logits"], name="/pieces/Scale"),
        helper.make_node("Add", [_NETWORK, "pieces.logits"], [_LOGITS], name="/pieces/Add"),
    ])  # fmt: skip


def one_hot(labels: Sequence[str], categories: Sequence[str], smoothing: float) -> Floats:
    """Return targets (n, categories) of labels, a share of each spread over all categories."""
    targets = np.full((len(labels), len(categories)), smoothing / len(categories), dtype=np.float32)
    targets[np.arange(len(labels)), [categories.index(label) for label in labels]] += 1 - smoothing
    return targets
