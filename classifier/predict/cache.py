"""The model runs once for each template; whatever comes again is answered from memory."""

from collections.abc import Sequence

from classifier.domain import Prediction, Source
from classifier.memo import Memo
from classifier.predict import Encoded, Encoder, Predictor


class CachedPredictor:
    """A memory of predictions around another predictor.

    Args:
        inner: What answers a template that is not remembered.
        size: Templates kept; one takes about 5 KB with 29 categories.
    """

    def __init__(self, inner: Predictor, *, size: int) -> None:
        self._inner = inner
        self._memo: Memo[str, Encoded] = Memo(size)

    @property
    def label(self) -> str:
        """Name and version of what answers."""
        return self._inner.label

    @property
    def source(self) -> Source:
        """Who answers: a model or the fallback."""
        return self._inner.source

    @property
    def hits(self) -> int:
        """Templates answered from memory."""
        return self._memo.hits

    @property
    def misses(self) -> int:
        """Templates that had to be computed."""
        return self._memo.misses

    def predict(self, templates: Sequence[str]) -> list[Prediction]:
        """Return one prediction for each template, in order; equal templates are computed once."""
        return [encoded.prediction for encoded in self.encoded(templates)]

    def encoded(self, templates: Sequence[str]) -> list[Encoded]:
        """Return everything that heads read for each template, in order; it is computed and kept with the prediction."""
        return self._memo.many(templates, self._compute)

    def recent(self, count: int) -> list[str]:
        """Return the templates that were used last, the newest first."""
        return [template for template, _ in self._memo.recent(count)]

    def forget(self, count: int) -> bool:
        """Forget up to `count` templates; return whether any are left."""
        return self._memo.forget(count)

    def _compute(self, templates: Sequence[str]) -> list[Encoded]:
        if isinstance(self._inner, Encoder):
            return self._inner.encoded(templates)
        return [Encoded(prediction) for prediction in self._inner.predict(templates)]
