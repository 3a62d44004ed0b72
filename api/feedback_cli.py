"""`rebound feedback`: the desk's labels from a shell."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from api.callers import OPEN
from api.labels import result_document
from api.logs import configure_logs
from classifier.bootstrap import build
from classifier.errors import ReboundError, UnreadableInput
from classifier.feedback.desk import FeedbackDesk
from classifier.feedback.items import person
from classifier.pins import Pins
from classifier.settings import Settings
from classifier.store import open_store

_LINES = 1_000
"""Lines of one transaction."""


def give(settings: Settings, file: str, by: str | None) -> int:
    """Take a file's lines, print what became of each, and return the exit status."""
    configure_logs(settings.log_level)
    try:
        person(by)
        desk = FeedbackDesk(
            open_store(settings.store_url),
            build(settings).pipeline,
            Pins(),
            labels_per_hour=settings.labels_per_hour,
            pin_days=settings.pin_days,
        )
        return 1 if sum(_take(desk, chunk, file, by) for chunk in _chunks(file)) else 0
    except ReboundError as error:
        print(f"{file}: {error.code}: {error}", file=sys.stderr)
        return 2


def _take(desk: FeedbackDesk, lines: list[tuple[int, Any]], file: str, by: str | None) -> int:
    """Give some numbered lines, and return how many were refused."""
    documents = [
        document | {"by": by} if by is not None and isinstance(document, dict) and "by" not in document else document
        for _, document in lines
    ]
    failed = 0
    for (number, _), result in zip(lines, desk.give(documents, OPEN, source="cli"), strict=True):
        if isinstance(result, ReboundError):
            failed += 1
            print(f"{file}:{number}: {result.code}: {result}", file=sys.stderr)
        else:
            sys.stdout.write(json.dumps({"line": number} | result_document(result), ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return failed


def _chunks(file: str) -> Iterator[list[tuple[int, Any]]]:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as lines:
            numbered = _documents(lines)
            while chunk := list(islice(numbered, _LINES)):
                yield chunk
    except OSError as error:
        raise UnreadableInput(error.strerror or "cannot be read") from error


def _documents(lines: BinaryIO) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _decoded(line)


def _decoded(line: bytes) -> Any:
    """Return what a line holds; what is no JSON is answered in its place, as whatever is no object."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
