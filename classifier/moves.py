"""Which model an alias named when, and why: a file of lines that only ever grows, and tells what a roll-back leads to."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A pointer was moved.

    Attributes:
        when: RFC 3339, UTC.
        alias: "champion" or "challenger".
        before, after: Labels; None for no pointer.
        why: One plain sentence or word of whoever moved it.
        back: Whether it was a roll-back: it takes the move before it back.
    """

    when: str
    alias: str
    before: str | None
    after: str | None
    why: str
    back: bool = False


def now() -> str:
    """Return the time as moves keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add_move(path: Path, move: Move) -> None:
    """Write a move down for good."""
    with path.open("a", encoding="utf-8") as file:
        # A line break on both sides: a line torn by a loss of power spoils no other.
        file.write("\n" + json.dumps(asdict(move), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_moves(path: Path, alias: str | None = None) -> list[Move]:
    """Return the moves of an alias, or of all, the oldest first; a line that cannot be read is left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    out = []
    for line in lines:
        try:
            move = Move(**json.loads(line))
        except (ValueError, TypeError):
            continue  # empty, or torn by a loss of power
        if alias in (None, move.alias):
            out.append(move)
    return out


def standing(moves: Sequence[Move]) -> list[Move]:
    """Return those moves of one alias that were not taken back, the oldest first."""
    out: list[Move] = []
    for move in moves:
        if not move.back:
            out.append(move)
        elif out:
            out.pop()
    return out
