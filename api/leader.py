"""One process of those that share a folder does what one is enough for: the first that asks, as long as it lives."""

import fcntl
from pathlib import Path
from typing import IO


class Leader:
    """A lock that the system holds for a process until it ends, however it ends. One thread uses it.

    Args:
        path: Of the lock's file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def leads(self) -> bool:
        """Whether this process leads; it tries to, as long as it does not. Where nothing can be written, each leads itself."""
        if self._file is not None:
            return True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("ab")
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def close(self) -> None:
        """Let another process lead."""
        if self._file is not None:
            self._file.close()
            self._file = None
