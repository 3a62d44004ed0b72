"""From what one inference gave to a prediction over a user's categories: some small products of vectors.

    Encoded -> features (Space) -> learned categories and "other" (Head) -> gates and roll-ups -> Prediction

All categories share one distribution. The learned head says how likely each category of examples is, and how likely none
of them. `within` hands what lies outside the named standard categories back to "none"; `from` takes its standard
categories' share of "none"; what remains is "other".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.custom.causes import Causes
from classifier.custom.draft import OTHER, Draft
from classifier.domain import Prediction
from classifier.predict import Encoded
from classifier.predict.words import WordTable

Floats = npt.NDArray[np.float32]
_LOG_FLOOR = -8.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Space:
    """Where heads of one bundle work: what is usual in bounces is taken out, what tells wordings apart is spread out.

    Attributes:
        mean, whiten: Of the encoder's pooled vectors; whitened inside fine causes, or inside categories where the bundle brings no causes.
        word_mean, word_whiten: Of the weighted sums of word vectors.
        rarity: Weight of each word piece: the rarer in bounces, the more it says.
        word_weight: Length of the words' vector beside the encoder's, which has length 1.
        standard_weight: Scale of the standard log-probabilities beside both.
        words: The model's word vectors.
        causes: What tells fine causes apart, where the bundle brings it.
        cause_weight: Length of the vector of causes beside the encoder's.
    """

    mean: Floats
    whiten: Floats
    word_mean: Floats
    word_whiten: Floats
    rarity: Floats
    word_weight: float
    standard_weight: float
    words: WordTable
    causes: Causes | None = None
    cause_weight: float = 0.0

    @property
    def front(self) -> int:
        """Features before the standard log-probabilities: those of the two vectors."""
        return len(self.mean) + self.words.width

    def similarity(self, rows: Floats, others: Floats) -> Floats:
        """Return the cosines, -1 to 1, of all pairs of two sets of features, log-probabilities and causes left aside."""
        product: Floats = rows[:, : self.front] @ others[:, : self.front].T
        return product / np.float32(1 + self.word_weight**2)

    def features(self, encoded: Sequence[Encoded]) -> Floats:
        """Return one row for each template; those of the fallback have none and raise ValueError."""
        embeddings = np.array([e.embedding for e in encoded], dtype=np.float32)
        sums = np.stack([self.words.weighted_sum(e.ids, self.rarity) for e in encoded if e.ids is not None])
        standard = np.array([list(e.prediction.probabilities.values()) for e in encoded], dtype=np.float32)
        logs = np.log(np.maximum(standard, np.exp(_LOG_FLOOR))) / -_LOG_FLOOR
        meaning = unit((embeddings - self.mean) @ self.whiten)
        wording = unit((sums - self.word_mean) @ self.word_whiten)
        parts = [meaning, wording * np.float32(self.word_weight), logs * np.float32(self.standard_weight)]
        if self.causes is not None:
            roots = self.causes.roots(np.concatenate([meaning, wording], axis=1))
            parts.append(roots * np.float32(self.cause_weight))
        return np.concatenate(parts, axis=1, dtype=np.float32)


def unit(rows: npt.NDArray[np.floating]) -> Floats:
    """Return rows of length 1."""
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    out: Floats = (rows / np.maximum(norms, 1e-9)).astype(np.float32)
    return out


@dataclass(frozen=True, eq=False, kw_only=True)
class Head:
    """What was learned for one version of a taxonomy, for one bundle.

    Attributes:
        draft: The taxonomy as written: tells gates and roll-ups.
        bundle: Digest of the model and the causes that the weights are for (`classifier.custom.background.model_digest`).
        classes: Ids of the learned categories; "none of them" comes after the last.
        weights: (features, classes + 1); no columns but the last's where nothing is learned.
        bias: (classes + 1,).
        floors: For each class, the standard probability of its `within` categories below which it is gated; 0 for none.
        space: Where the features come from; None where nothing is learned.
    """

    draft: Draft
    bundle: str
    classes: tuple[str, ...]
    weights: Floats
    bias: Floats
    floors: Floats
    space: Space | None

    def predict(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Return a prediction over the user's categories and "other" for each template."""
        learned = self._learned(encoded)
        return [self._combined(e.prediction, row) for e, row in zip(encoded, learned, strict=True)]

    def _learned(self, encoded: Sequence[Encoded]) -> list[list[float]]:
        able = [i for i, e in enumerate(encoded) if e.embedding is not None]
        # Without a model nobody knows the learned categories: all is "none of them".
        rows: list[list[float]] = [[0.0] * len(self.classes) + [1.0] for _ in encoded]
        if self.classes and self.space is not None and able:
            scores = self.space.features([encoded[i] for i in able]) @ self.weights + self.bias
            exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
            for i, row in zip(able, (exponentials / exponentials.sum(axis=1, keepdims=True)).tolist(), strict=True):
                rows[i] = row
        return rows

    def _combined(self, standard: Prediction, learned: list[float]) -> Prediction:
        *shares, none = learned
        given = standard.probabilities
        out: dict[str, float] = {}
        by_id = {category.id: category for category in self.draft.categories}
        for identity, share, floor in zip(self.classes, shares, self.floors.tolist(), strict=True):
            within = by_id[identity].within
            kept = share * gate(sum(given.get(name, 0.0) for name in within), floor) if within else share
            out[identity] = kept
            none += share - kept
        rest = none
        for category in self.draft.categories:
            if category.takes:
                out[category.id] = none * min(1.0, sum(given.get(name, 0.0) for name in category.takes))
                rest -= out[category.id]
        out[OTHER] = max(0.0, rest)
        return Prediction(probabilities=out, source=standard.source, model=standard.model)


def gate(probability: float, floor: float) -> float:
    """Return the share, 0 to 1, that a refined category keeps: all of it from the floor upwards."""
    return 1.0 if floor <= 0 else min(1.0, probability / floor)


def arrays_of(head: Head) -> Mapping[str, npt.NDArray[np.generic]]:
    """Return the arrays that a head is stored as."""
    return {
        "classes": np.array(head.classes, dtype=np.str_),
        "weights": head.weights,
        "bias": head.bias,
        "floors": head.floors,
        "bundle": np.array(head.bundle, dtype=np.str_),
    }
