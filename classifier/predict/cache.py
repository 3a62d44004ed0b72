"""The model runs once for each template; whatever comes again is answered from here."""

from collections.abc import Sequence
from threading import Lock

from cachetools import LRUCache

from classifier.domain import Prediction
from classifier.predict import Predictor


class CachedPredictor:
    """A least-recently-used cache of predictions around another predictor.

    Args:
        inner: What answers a template that is not in the cache.
        size: Templates kept; one takes about 4 KB with 29 categories.
    """

    def __init__(self, inner: Predictor, *, size: int) -> None:
        self._inner = inner
        self._cache: LRUCache[str, Prediction] = LRUCache(maxsize=size)
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    @property
    def label(self) -> str:
        """Name and version of what answers."""
        return self._inner.label

    def predict(self, templates: Sequence[str]) -> list[Prediction]:
        """Return one prediction for each template, in order; equal templates are computed once."""
        with self._lock:
            known = {template: self._cache.get(template) for template in templates}
        unseen = [template for template, prediction in known.items() if prediction is None]
        fresh = dict(zip(unseen, self._inner.predict(unseen), strict=True)) if unseen else {}
        with self._lock:
            self._cache.update(fresh)
            self.misses += len(unseen)
            self.hits += len(templates) - len(unseen)
        return [found for t in templates if (found := fresh.get(t) or known[t])]
