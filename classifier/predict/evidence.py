"""Why this answer: the words that decided, and the labelled templates nearest to it. On request only.

Words are weighed by occlusion: each is left out in turn, and what the chosen category loses is its weight. It costs one
inference a word, which is why nobody pays for it unasked.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from classifier.bundle import NEIGHBOURS, Bundle
from classifier.predict.onnx import OnnxPredictor

MAX_WORDS = 80
WORDS = 5
NEAREST = 3
# Scripts without blanks between words are weighed in pieces of two characters.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,2}|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for a category.

    Attributes:
        words: (word, weight), the weightiest first, five at most. A weight is the share of probability, 0 to 1, that the
            category loses without the word; words that carry nothing are left out.
        neighbours: (template, category, similarity): the nearest labelled templates; cosine similarity, -1 to 1.
    """

    words: tuple[tuple[str, float], ...]
    neighbours: tuple[tuple[str, str, float], ...]


class Explainer:
    """Gives evidence for the answers of one model."""

    def __init__(self, predictor: OnnxPredictor, bundle: Bundle) -> None:
        self._predictor = predictor
        self._bundle = bundle

    def explain(self, template: str, category: str) -> Evidence:
        """Return the evidence for a category as the answer to a template."""
        return Evidence(words=self._words(template, category), neighbours=self._nearest(template))

    def _words(self, template: str, category: str) -> tuple[tuple[str, float], ...]:
        spans = [m.span() for m in _UNSPACED.finditer(template)][:MAX_WORDS]
        without = [f"{template[:start]} {template[end:]}" for start, end in spans]
        whole, *others = self._predictor.predict([template, *without])
        before = whole.probabilities.get(category, 0.0)
        weights = [before - other.probabilities.get(category, 0.0) for other in others]
        ranked = sorted(zip(spans, weights, strict=True), key=lambda pair: -pair[1])[:WORDS]
        return tuple((template[start:end], round(weight, 4)) for (start, end), weight in ranked if weight > 0.0005)

    def _nearest(self, template: str) -> tuple[tuple[str, str, float], ...]:
        known = self._known
        if known is None:
            return ()
        _, embeddings = self._predictor.encode([template])
        vector = (embeddings[0] - known.mean) @ known.projection
        vector /= np.linalg.norm(vector) + 1e-9
        similarity = (known.vectors @ vector) / 127
        best = np.argsort(-similarity)[:NEAREST]
        return tuple((str(known.texts[i]), str(known.labels[i]), round(float(similarity[i]), 4)) for i in best)

    @cached_property
    def _known(self) -> "_Known | None":
        path = self._bundle.folder / NEIGHBOURS
        if NEIGHBOURS not in self._bundle.manifest.files:
            return None
        with np.load(path, allow_pickle=False) as file:
            return _Known(
                texts=file["texts"],
                labels=file["labels"],
                mean=file["mean"],
                projection=file["projection"],
                vectors=file["vectors"].astype(np.float32),
            )


@dataclass(frozen=True, kw_only=True)
class _Known:
    texts: npt.NDArray[np.str_]
    labels: npt.NDArray[np.str_]
    mean: npt.NDArray[np.float32]
    projection: npt.NDArray[np.float32]
    vectors: npt.NDArray[np.float32]
