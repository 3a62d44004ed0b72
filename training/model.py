"""The network: a BERT encoder, the mean over its words, one linear head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import BertModel


class BounceNet(nn.Module):
    """Encoder and head.

    Args:
        encoder: A BERT encoder without pooling layer.
        categories: Number of outputs.
        dropout: Share of the pooled vector dropped in training.
    """

    def __init__(self, encoder: BertModel, categories: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, categories)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None, **_: Any
    ) -> dict[str, torch.Tensor]:
        """Return logits (n, categories), embedding (n, width), and the loss where labels (n, categories) are given."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        embedding = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        logits = self.head(self.dropout(embedding))
        out = {"logits": logits, "embedding": embedding}
        if labels is not None:
            # Labels are shares scaled by the row's weight, so that a row may count more than another.
            out["loss"] = -(labels * logits.float().log_softmax(dim=1)).sum() / labels.sum()
        return out


def cut_layers(encoder: BertModel, keep: Sequence[int]) -> BertModel:
    """Keep only the layers numbered in `keep`, in that order."""
    encoder.encoder.layer = nn.ModuleList([encoder.encoder.layer[i] for i in keep])
    encoder.config.num_hidden_layers = len(keep)
    return encoder
