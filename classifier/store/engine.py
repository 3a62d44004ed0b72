"""Engines for the two databases, set up so that both behave alike: one writer waits for another, none is refused.

SQLite runs in WAL mode: readers never wait, writers queue. A transaction that may write takes the write lock when it
begins (BEGIN IMMEDIATE), for one that first reads and then writes cannot wait for another writer: SQLite refuses it at
once, whatever the timeout. Python's driver begins no transaction before the first write, hence the two listeners.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from classifier.errors import StoreRefused

READING = "rebound_reading"
"""Execution option of connections that only read."""
BUSY_SECONDS = 30
"""How long a writer waits for others before it fails; they hold the lock for the milliseconds of one flush."""
_PATIENCE = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "10000",  # milliseconds until a cut line is noticed
    "application_name": "rebound",
}


def make_engine(url: str) -> Engine:
    """Return an engine for a database; nothing is opened yet.

    Args:
        url: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`.

    Raises:
        StoreRefused: The URL cannot be read, or names another kind of database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreRefused("REBOUND_DATABASE_URL is no database URL") from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgres":
            return _postgresql(parsed)
    raise StoreRefused(f"REBOUND_DATABASE_URL names {parsed.drivername[:20]!r}; it must be sqlite or postgresql")


def _postgresql(url: URL) -> Engine:
    patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=patience,
        hide_parameters=True,  # what a person wrote in a note must not reach the logs by an error's words
        pool_pre_ping=True,
        pool_timeout=10,
    )


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise StoreRefused("REBOUND_DATABASE_URL names no file; SQLite in memory cannot be shared by processes")
    engine = create_engine(
        url.set(drivername="sqlite"), connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True, pool_timeout=10
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def make_folder(engine: Engine) -> None:
    """Make the folder of an SQLite database.

    Raises:
        OSError: It cannot be made.
    """
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = bool(connection.get_execution_options().get(READING))
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
