"""What both databases say alike but SQLAlchemy spells twice."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import CursorResult, Delete, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from classifier.store.tables import Base

Item = TypeVar("Item")
CHUNK = 1_000
"""Rows or values in one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


def insert_into(session: Session, rows: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of the session's database."""
    table = cast(Table, rows.__table__)
    return postgresql.insert(table) if on_postgresql(session) else sqlite.insert(table)


def on_postgresql(session: Session) -> bool:
    """Return whether the session speaks to PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"


def write(session: Session, statement: Any, values: Sequence[dict[str, Any]]) -> None:
    """Execute one statement for many rows, some at a time."""
    for chunk in chunks(values):
        session.execute(statement, chunk)


def change(session: Session, statement: Update | Delete) -> int:
    """Execute an UPDATE or DELETE and return how many rows it met."""
    return cast(CursorResult[Any], session.execute(statement)).rowcount


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut into lists of at most `CHUNK`."""
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
