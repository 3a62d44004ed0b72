"""Where the command line's inputs come from: files, folders, mbox, Maildir, JSONL, standard input.

paths -> items, in order; an item is a record, an email, or the error that stood in its place
"""

import codecs
import json
import mailbox
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from classifier.errors import InvalidInput, MessageTooLarge, ReboundError, UnreadableInput
from classifier.record import Record, read_record

MAX_LINE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One input to classify.

    Attributes:
        place: Where it stands, for error lines: "inbox.mbox#12" or "bounces.jsonl:3".
        names: What the answer carries to name it: {"id": ...} or {"path": ...}.
        record: A record, if it is one.
        raw: An email's bytes, if it is one or the record names one.
        error: Why it could not be read, in place of both.
    """

    place: str
    names: dict[str, str | int]
    record: Record | None = None
    raw: bytes | None = None
    error: ReboundError | None = None


def items_of(paths: Iterable[str], stdin: BinaryIO, *, max_bytes: int) -> Iterator[Item]:
    """Yield every input that the paths name; "-" is standard input."""
    for path in paths:
        if path == "-":
            yield from _stdin(stdin, max_bytes)
        else:
            yield from _path(Path(path), max_bytes)


def _path(path: Path, max_bytes: int) -> Iterator[Item]:
    try:
        if path.is_dir():
            yield from _folder(path, max_bytes)
        elif path.suffix in (".jsonl", ".ndjson"):
            with path.open("rb") as file:
                yield from _records(_lines(file), str(path), max_bytes)
        elif _is_mbox(path):
            yield from _mbox(path, max_bytes)
        else:
            yield _email_file(path, {"path": str(path)}, str(path), max_bytes)
    except OSError as error:
        yield _unreadable(str(path), {"path": str(path)}, error)


def _folder(path: Path, max_bytes: int) -> Iterator[Item]:
    if (path / "cur").is_dir() and (path / "new").is_dir():
        yield from _maildir(path, max_bytes)
        return
    for child in sorted(path.iterdir()):
        # A link to a folder may lead back here, and a pipe may never end: neither is followed inside a folder.
        if not child.name.startswith(".") and (child.is_file() or (child.is_dir() and not child.is_symlink())):
            yield from _path(child, max_bytes)


def _stdin(stdin: BinaryIO, max_bytes: int) -> Iterator[Item]:
    """JSONL where the first character is "{", else one raw email."""
    lines = _lines(stdin)
    first = next(lines, b"")
    while first and not first.strip():
        first = next(lines, b"")
    if first.lstrip().startswith(b"["):
        yield Item(place="-", names={"id": 1}, error=InvalidInput("a JSON array: send one object a line"))
    elif first.lstrip().startswith(b"{"):
        yield from _records(chain([first], lines), "-", max_bytes)
    else:
        raw = first + stdin.read(max(0, max_bytes + 1 - len(first)))
        yield _email(raw, {"path": "-"}, "-", max_bytes)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines, a longer one than allowed in pieces; a byte order mark before the first is dropped."""
    mark = codecs.BOM_UTF8
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line.removeprefix(mark)
        mark = b""


def _records(lines: Iterable[bytes], name: str, max_bytes: int) -> Iterator[Item]:
    skipping = False
    for number, line in enumerate(lines, 1):
        whole = line.endswith(b"\n")
        place = f"{name}:{number}"
        if skipping:
            skipping = not whole
        elif len(line) > MAX_LINE_BYTES:
            skipping = not whole
            yield Item(
                place=place, names={"id": number}, error=MessageTooLarge(f"line longer than {MAX_LINE_BYTES} octets")
            )
        elif line.strip():
            yield _record(line, number, place, max_bytes)


def _record(line: bytes, number: int, place: str, max_bytes: int) -> Item:
    try:
        record = read_record(json.loads(line), paths_allowed=True)
    except ReboundError as error:
        return Item(place=place, names={"id": number}, error=error)
    except (ValueError, RecursionError):
        return Item(place=place, names={"id": number}, error=InvalidInput("not a JSON object"))
    names: dict[str, str | int] = {"id": number if record.id is None else record.id}
    if record.email_path is None:
        return Item(place=place, names=names, record=record)
    try:
        return replace(_email_file(Path(record.email_path), names, place, max_bytes), record=record)
    except (OSError, ValueError) as error:
        return _unreadable(place, names, error)


def _is_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(5)
    return head == b"From " and path.suffix != ".eml"


def _mbox(path: Path, max_bytes: int) -> Iterator[Item]:
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), 1):
            place = f"{path}#{number}"
            yield _email(box.get_bytes(key), {"path": place}, place, max_bytes)
    finally:
        box.close()


def _maildir(path: Path, max_bytes: int) -> Iterator[Item]:
    for folder in ("new", "cur"):
        for child in sorted((path / folder).iterdir()):
            if child.is_file():
                try:
                    yield _email_file(child, {"path": str(child)}, str(child), max_bytes)
                except OSError as error:
                    yield _unreadable(str(child), {"path": str(child)}, error)


def _email_file(path: Path, names: dict[str, str | int], place: str, max_bytes: int) -> Item:
    with path.open("rb") as file:
        return _email(file.read(max_bytes + 1), names, place, max_bytes)


def _email(raw: bytes, names: dict[str, str | int], place: str, max_bytes: int) -> Item:
    if len(raw) > max_bytes:
        return Item(place=place, names=names, error=MessageTooLarge(f"email larger than {max_bytes} octets"))
    if not raw.strip():
        return Item(place=place, names=names, error=InvalidInput("empty: no email and no records"))
    return Item(place=place, names=names, raw=raw)


def _unreadable(place: str, names: dict[str, str | int], error: Exception) -> Item:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
    return Item(place=place, names=names, error=UnreadableInput(reason))
