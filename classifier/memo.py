"""What was computed once is not computed again: a bounded, least-recently-used memory that threads share."""

from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memo(Generic[Key, Value]):
    """Remembers values by key.

    Args:
        size: Values kept; the least recently used goes first.
    """

    def __init__(self, size: int) -> None:
        self._cache: LRUCache[Key, Value] = LRUCache(maxsize=size)
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    def many(self, keys: Sequence[Key], compute: Callable[[list[Key]], list[Value]]) -> list[Value]:
        """Return a value for each key, in order; `compute` is asked once for all distinct keys that are not known.

        It runs outside the lock, so that a slow computation holds up nobody who is answered from memory; two threads that
        miss the same key at the same moment both compute it.
        """
        with self._lock:
            known = {key: value for key in keys if (value := self._cache.get(key)) is not None}
            self.hits += len(keys)
        if len(known) == len(keys):
            return [known[key] for key in keys]
        unseen = [key for key in dict.fromkeys(keys) if key not in known]
        fresh = dict(zip(unseen, compute(unseen), strict=True)) if unseen else {}
        with self._lock:
            self._cache.update(fresh)
            self.misses += len(fresh)
            self.hits -= len(fresh)
        known |= fresh
        return [known[key] for key in keys]

    def recent(self, count: int) -> list[Key]:
        """Return the keys that were computed last, the newest first."""
        with self._lock:
            keys = list(self._cache)
        return keys[::-1][:count]
