"""What a person said of a template holds at once, whatever the model says, until a model has learned it or it expires.

A process keeps all pins in memory, as one mapping behind one reference: looking one up costs a fraction of a microsecond
and takes no lock. `refresh` replaces the mapping where the database has news, and is the only way in: whoever pins commits
first and refreshes then, so that no process can hold what the database does not.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Protocol

Key = tuple[str, str]
"""A template's id and a taxonomy's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A human answer for one template under one taxonomy.

    Attributes:
        template_id: Of the template that it answers.
        taxonomy: Name of the taxonomy, without version: a pin outlives versions that know its category.
        category: The answer.
        who: Who gave it, see `classifier.store.tables.LabelRow`.
        why: "label", or a person's words.
        at: Since when it holds, UTC.
        expires_at: From when on it no longer holds, UTC; None for never.
    """

    template_id: str
    taxonomy: str
    category: str
    who: str
    why: str
    at: datetime
    expires_at: datetime | None = None


class PinSource(Protocol):
    """Where pins are kept for all processes."""

    def stamp(self) -> Hashable:
        """Return what changes whenever a pin is set or removed; cheap."""
        ...

    def active(self, at: datetime) -> Mapping[Key, Pin]:
        """Return the pins that hold at a time."""
        ...


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Pins:
    """The pins that this process knows of. Safe to share between threads.

    Args:
        clock: Tells the time in UTC.
    """

    def __init__(self, *, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._held: Mapping[Key, Pin] = {}
        self._stamp: Hashable = None
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, template_id: str, taxonomy: str) -> Pin | None:
        """Return the pin of a template under a taxonomy of this name; None if none holds now."""
        pin = self._held.get((template_id, taxonomy))
        if pin is None or (pin.expires_at is not None and pin.expires_at <= self._clock()):
            return None
        return pin

    def refresh(self, source: PinSource) -> bool:
        """Take over what the source holds, if it has changed; return whether it had.

        One thread at a time, and the stamp is read first: what changes meanwhile is found by the next refresh, and an
        older state can never replace a newer one.
        """
        with self._lock:
            stamp = source.stamp()
            if stamp == self._stamp:
                return False
            self._held = source.active(self._clock())
            self._stamp = stamp
            return True
