"""The network once more, in plain operations, for export.

What transformers builds around the same weights (mask helpers, attention dispatch) does not survive the export to ONNX
unchanged: masks are traced as constants, and the graph carries operations that cost time and do nothing. Here is BERT
as its paper has it (Devlin et al. 2018), one operation a line; `check_parity` holds it against the original.
"""

import math
from typing import Any

import torch
from torch import nn

from training.model import BounceNet

_HIDDEN = -10_000.0
"""Added to the attention score of padding; far below any real score, and finite in every number format."""


class PlainNet(nn.Module):
    """Embeddings, layers, mean over words, head: input_ids, attention_mask -> logits, embedding.

    Args:
        net: The trained network.
        max_tokens: Longest input; positions beyond it are left behind.
    """

    def __init__(self, net: BounceNet, max_tokens: int) -> None:
        super().__init__()
        encoder: Any = net.encoder
        embeddings = encoder.embeddings
        self.words = embeddings.word_embeddings
        # Every text is of one segment: its embedding is part of every position's.
        positions = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        self.positions = nn.Parameter(positions[:max_tokens].detach().clone())
        self.norm = embeddings.LayerNorm
        heads = encoder.config.num_attention_heads
        self.layers = nn.ModuleList(_PlainLayer(layer, heads) for layer in encoder.encoder.layer)
        self.head = net.head

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (n, categories) and embeddings (n, width)."""
        hidden = self.norm(self.words(input_ids) + self.positions[: input_ids.shape[1]])
        visible = attention_mask.to(hidden.dtype)
        bias = ((1.0 - visible) * _HIDDEN)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, bias)
        seen = visible.unsqueeze(-1)
        embedding = (hidden * seen).sum(dim=1) / seen.sum(dim=1)
        return self.head(embedding), embedding


class _PlainLayer(nn.Module):
    def __init__(self, layer: Any, heads: int) -> None:
        super().__init__()
        attention = layer.attention
        self.query, self.key, self.value = attention.self.query, attention.self.key, attention.self.value
        self.out, self.norm = attention.output.dense, attention.output.LayerNorm
        self.up, self.down, self.last_norm = layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm
        self.heads = heads

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._split(part(hidden)) for part in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1]) + bias
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        hidden = self.norm(hidden + self.out(mixed))
        out: torch.Tensor = self.last_norm(hidden + self.down(nn.functional.gelu(self.up(hidden))))
        return out

    def _split(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.reshape(tensor.shape[0], tensor.shape[1], self.heads, -1).transpose(1, 2)
