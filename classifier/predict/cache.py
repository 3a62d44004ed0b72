"""The model runs once for each template; whatever comes again is answered from memory."""

from collections.abc import Sequence

from classifier.domain import Prediction
from classifier.memo import Memo
from classifier.predict import Predictor


class CachedPredictor:
    """A memory of predictions around another predictor.

    Args:
        inner: What answers a template that is not remembered.
        size: Templates kept; one takes about 4 KB with 29 categories.
    """

    def __init__(self, inner: Predictor, *, size: int) -> None:
        self._inner = inner
        self._memo: Memo[str, Prediction] = Memo(size)

    @property
    def label(self) -> str:
        """Name and version of what answers."""
        return self._inner.label

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
        return self._memo.many(templates, self._inner.predict)
