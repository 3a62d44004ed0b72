"""Texts of one cause drawn together, whatever their words: what the finer categories of users live on.

    rows with a cause -> batches of some causes with some texts each -> a loss on pooled vectors

Who learns categories alone forgets what does not serve to tell them apart; a user's category is told apart by just that
(docs/adr/0005-user-categories.md). So the network learns beside it that texts of one fine cause belong together, and those of
its neighbours do not: a supervised contrastive loss (Khosla et al. 2020, section 3.2) in the space in which heads read the vectors.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from training.dataset import Row

TEXTS = 4
"""Texts of each cause in a batch."""
TEMPERATURE = 0.1
_FEWEST = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Closeness:
    """How texts of one cause are drawn together.

    Attributes:
        mean, whiten: (width,), (width, width): from pooled vectors to the space in which they are compared, see
            `classifier.custom.head.Space`.
    """

    mean: torch.Tensor
    whiten: torch.Tensor

    def loss(self, embeddings: torch.Tensor, causes: torch.Tensor) -> torch.Tensor:
        """Return the mean over texts of how far the others of their cause are from being the nearest, in nats.

        Args:
            embeddings: Pooled vectors (n, width).
            causes: Number of each text's cause (n,), 0 for none; a text that is alone with its cause, or has none, is drawn nowhere.
        """
        itself = torch.eye(len(embeddings), dtype=torch.bool)
        with torch.autocast("cpu", enabled=False):  # eight bits of precision are too few for differences of vectors
            points = nn.functional.normalize((embeddings.float() - self.mean) @ self.whiten, dim=1)
            likeness = (points @ points.T / TEMPERATURE).masked_fill(itself, -torch.inf).log_softmax(dim=1)
        same = (causes[:, None] == causes[None, :]) & (causes[:, None] > 0) & ~itself
        counted = same.any(dim=1)
        drawn = likeness.masked_fill(~same, 0.0).sum(dim=1)[counted] / same.sum(dim=1)[counted]
        return -drawn.mean() if counted.any() else embeddings.sum() * 0.0


def cause_batches(rows: Sequence[Row], batch: int, n: int, chance: random.Random) -> list[list[int]]:
    """Return `n` batches of places in `rows`, `TEXTS` of each cause; none where there are too few causes to fill one.

    Half of a batch's causes are of one source, where they are neighbours that are hard to tell apart.
    """
    places: dict[str, list[int]] = defaultdict(list)
    sources: dict[str, set[str]] = defaultdict(set)
    for place, row in enumerate(rows):
        if row.cause:
            places[row.cause].append(place)
    for cause, found in places.items():
        if len(found) >= TEXTS:
            sources[rows[found[0]].source].add(cause)
    causes = sorted(cause for group in sources.values() for cause in group)
    ways = batch // TEXTS
    if len(causes) < max(ways, _FEWEST):
        return []
    groups = [sorted(group) for _, group in sorted(sources.items())]
    out = []
    for _ in range(n):
        near = chance.choice(groups)
        chosen = chance.sample(near, min(ways // 2, len(near)))
        chosen += chance.sample([cause for cause in causes if cause not in chosen], ways - len(chosen))
        out.append([place for cause in chosen for place in chance.sample(places[cause], TEXTS)])
    return out
