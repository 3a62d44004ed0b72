"""What was freed goes back to the system: a model that was replaced must not stay resident."""

import ctypes
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    # Only the GNU C library has it, and needs it: it keeps freed memory for the threads that once used it.
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


def give_back() -> None:
    """Return freed memory to the system, where the C library would keep it. Takes some milliseconds."""
    if (trim := _trim()) is not None:
        trim(0)
