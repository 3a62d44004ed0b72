"""What was computed once is not computed again: a bounded, least-recently-used memory that threads share."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memo(Generic[Key, Value]):
    """Remembers values by key.

    Args:
        size: Values kept; the least recently used goes first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    def many(self, keys: Sequence[Key], compute: Callable[[list[Key]], list[Value]]) -> list[Value]:
        """Return a value for each key, in order; `compute` is asked once for all distinct keys that are not known.

        It runs outside the lock, so that a slow computation holds up nobody who is answered from memory; two threads that
        miss the same key at the same moment both compute it.
        """
        known = self._known(keys)
        if len(known) == len(keys):
            return [known[key] for key in keys]
        unseen = [key for key in dict.fromkeys(keys) if key not in known]
        fresh = dict(zip(unseen, compute(unseen), strict=True)) if unseen else {}
        with self._lock:
            self._kept.update(fresh)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
            self.misses += len(fresh)
            self.hits -= len(fresh)
        known |= fresh
        return [known[key] for key in keys]

    def _known(self, keys: Sequence[Key]) -> dict[Key, Value]:
        known = {}
        with self._lock:
            for key in keys:
                value = self._kept.get(key)
                if value is not None:
                    self._kept.move_to_end(key)
                    known[key] = value
            self.hits += len(keys)
        return known

    def recent(self, count: int) -> list[tuple[Key, Value]]:
        """Return what was used last, keys with their values, the newest first."""
        with self._lock:
            kept = list(self._kept.items())
        return kept[: -count - 1 : -1]

    def forget(self, count: int) -> bool:
        """Forget up to `count` values, the least recently used first; return whether any are left."""
        for _ in range(count):
            with self._lock:
                if not self._kept:
                    return False
                self._kept.popitem(last=False)
        return bool(self._kept)
