"""From a trained network to files that serve: ONNX, int8, parity checked, neighbours.

BounceNet + tokenizer -> model.onnx, neighbours.npz
"""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from tokenizers import Tokenizer

from classifier.predict.onnx import OnnxPredictor
from training.dataset import Row
from training.evaluate import softmax
from training.fit import predict
from training.graph import PlainNet
from training.model import BounceNet
from training.packing import MIN_AGREEMENT, ParityFailure


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How well the exported model agrees with the network: share of equal answers, largest difference of logits."""

    agreement: float
    largest_difference: float


def export_onnx(net: BounceNet, path: Path, *, max_tokens: int) -> None:
    """Write the network as int8 ONNX: weights and embeddings quantised, activations at run time."""
    logging.getLogger("root").setLevel(logging.ERROR)  # the quantiser warns on the root logger at every call
    with tempfile.TemporaryDirectory() as folder:
        full, ready = Path(folder) / "fp32.onnx", Path(folder) / "ready.onnx"
        example = (torch.ones(2, 9, dtype=torch.long), torch.ones(2, 9, dtype=torch.long))
        with warnings.catch_warnings():
            # The exporter that needs no further package says that it is the old one.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                PlainNet(net.eval(), max_tokens).eval(),
                example,
                str(full),
                input_names=["input_ids", "attention_mask"],
                output_names=["logits", "embedding"],
                dynamic_axes={
                    name: {0: "batch", 1: "tokens"} if name in ("input_ids", "attention_mask") else {0: "batch"}
                    for name in ("input_ids", "attention_mask", "logits", "embedding")
                },
                opset_version=17,
                dynamo=False,
            )
        quant_pre_process(str(full), str(ready), skip_symbolic_shape=True)
        quantize_dynamic(
            str(ready),
            str(path),
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gather", "Gemm"],
        )


def check_parity(
    net: BounceNet, tokenizer: Tokenizer, served: OnnxPredictor, templates: Sequence[str], max_tokens: int
) -> Parity:
    """Compare the served model with the network on templates.

    Where the network itself wavers (below one half for its first choice), rounding may tip it: those do not count.

    Raises:
        ParityFailure: They agree on fewer than `MIN_AGREEMENT` of the others.
    """
    ours = predict(net, tokenizer, templates, max_tokens)
    theirs, _ = served.encode(templates)
    sure = softmax(ours).max(axis=1) >= 0.5
    ours, theirs = ours[sure], theirs[sure]
    parity = Parity(
        agreement=float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        largest_difference=float(np.abs(ours - theirs).max()),
    )
    if parity.agreement < MIN_AGREEMENT:
        raise ParityFailure(
            f"int8 agrees with torch on {parity.agreement:.3f} of {len(ours)} templates, {MIN_AGREEMENT} is needed"
        )
    return parity


def write_neighbours(path: Path, rows: Sequence[Row], embeddings: npt.NDArray[np.float32], *, width: int = 64) -> None:
    """Write labelled templates and their embeddings, projected to `width` dimensions and rounded to int8.

    Only texts of our own corpus belong here: a bundle is handed on, and what others wrote is not ours to hand on.
    """
    mean = embeddings.mean(axis=0)
    _, _, directions = np.linalg.svd(embeddings - mean, full_matrices=False)
    projection = directions[:width].T.astype(np.float32)
    projected = (embeddings - mean) @ projection
    projected /= np.linalg.norm(projected, axis=1, keepdims=True) + 1e-9
    np.savez_compressed(
        path,
        texts=np.array([row.template for row in rows]),
        labels=np.array([row.label for row in rows]),
        mean=mean.astype(np.float32),
        projection=projection,
        vectors=np.round(projected * 127).astype(np.int8),
    )
