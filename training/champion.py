"""A served bundle back to a network that can learn on: its int8 weights, taken out of the ONNX graph again.

    bundle -> BounceNet + tokenizer

What the bundle knows is kept as the starting point, so a shorter run on new texts does not begin from nothing. The
rounding to int8 is in the weights for good; it is smaller than what one step of training changes.
"""

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from classifier.bundle import MODEL, TOKENIZER, Bundle
from training.model import BounceNet

_LINEAR = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
}
_NORMS = {"norm": "attention.output.LayerNorm", "last_norm": "output.LayerNorm"}
HEADS = 12
"""Attention heads of the base model; the graph does not name them."""


class _Graph:
    """The weights of an exported graph (training/graph.py) by the names they have there."""

    def __init__(self, path: str) -> None:
        graph = onnx.load(path).graph
        self.tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.weight_of = {
            node.name.removesuffix("_quant"): node.input[1]
            for node in graph.node
            if node.op_type in ("MatMulInteger", "DynamicQuantizeMatMul")
        }

    def linear(self, place: str) -> torch.Tensor:
        """Return a linear layer's weight (out, in) by its place, "/layers.0/query/MatMul"."""
        return torch.from_numpy(self._plain(self.weight_of[place].removesuffix("_quantized")).T.copy())

    def embedding(self) -> torch.Tensor:
        """Return the word embeddings (pieces, width)."""
        return torch.from_numpy(self._plain("words.weight"))

    def named(self, name: str) -> torch.Tensor:
        """Return a weight that was not quantised."""
        return torch.from_numpy(self.tensors[name].copy())

    def _plain(self, name: str) -> npt.NDArray[np.float32]:
        quantised = self.tensors[f"{name}_quantized"].astype(np.float32)
        zero = self.tensors[f"{name}_zero_point"].astype(np.float32)
        return np.asarray((quantised - zero) * self.tensors[f"{name}_scale"], dtype=np.float32)


def meet(net: BounceNet, other: BounceNet, *, share: float) -> BounceNet:
    """Put a network between itself and the one that it started from, and return it.

    What learning on forgot comes back and what it learnt stays (Wortsman et al. 2022, Robust fine-tuning, section 3).

    Args:
        net: What learnt on; changed in place.
        other: Where it started.
        share: How much stays its own, 0 to 1.
    """
    theirs = other.state_dict()
    net.load_state_dict({name: share * ours + (1 - share) * theirs[name] for name, ours in net.state_dict().items()})
    return net


def load_champion(bundle: Bundle) -> tuple[BounceNet, Tokenizer]:
    """Return a bundle's network, in training mode, and its tokenizer.

    Raises:
        KeyError: The graph was not made by this program's export.
    """
    graph = _Graph(str(bundle.folder / MODEL))
    words, positions = graph.embedding(), graph.named("positions")
    layers = 1 + max(
        int(place.split(".")[1].split("/")[0]) for place in graph.weight_of if place.startswith("/layers.")
    )
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=words.shape[1],
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=len(graph.named("layers.0.up.bias")),
        max_position_embeddings=len(positions),
        type_vocab_size=1,
    )
    net = BounceNet(BertModel(config, add_pooling_layer=False), len(bundle.manifest.categories))
    state = {
        "encoder.embeddings.word_embeddings.weight": words,
        "encoder.embeddings.position_embeddings.weight": positions,
        # The export added the one segment's embedding to every position's.
        "encoder.embeddings.token_type_embeddings.weight": torch.zeros(1, words.shape[1]),
        "encoder.embeddings.LayerNorm.weight": graph.named("norm.weight"),
        "encoder.embeddings.LayerNorm.bias": graph.named("norm.bias"),
        "head.weight": graph.linear("/head/Gemm_MatMul"),
        "head.bias": graph.named("head.bias"),
    }
    for i in range(layers):
        stem = f"encoder.encoder.layer.{i}"
        for ours, theirs in _LINEAR.items():
            state[f"{stem}.{theirs}.weight"] = graph.linear(f"/layers.{i}/{ours}/MatMul")
            state[f"{stem}.{theirs}.bias"] = graph.named(f"layers.{i}.{ours}.bias")
        for ours, theirs in _NORMS.items():
            for part in ("weight", "bias"):
                state[f"{stem}.{theirs}.{part}"] = graph.named(f"layers.{i}.{ours}.{part}")
    net.load_state_dict(state)
    return net, Tokenizer.from_file(str(bundle.folder / TOKENIZER))
