"""The store: a database that is ready, and transactions on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from classifier.errors import ReboundError, StoreUnavailable
from classifier.store.engine import READING, make_engine, make_folder
from classifier.store.migrate import migrate

log = structlog.get_logger()


class Store:
    """Hands out transactions on one database. Safe to share between threads; each process opens its own.

    Args:
        engine: From `make_engine`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        reader = engine.execution_options(**{READING: True})
        if engine.dialect.name == "postgresql":
            reader = reader.execution_options(postgresql_readonly=True)
        self._writing = sessionmaker(engine, expire_on_commit=False)
        self._reading = sessionmaker(reader, expire_on_commit=False)
        self._ready = False
        self._down = False
        self._lock = Lock()

    def prepare(self) -> None:
        """Bring the schema up to date, once; later calls return at once.

        Raises:
            StoreUnavailable: The database does not answer.
            StoreRefused: A newer program made the database.
        """
        if self._ready:
            return
        with self._lock, self._foreseen():
            if not self._ready:
                try:
                    make_folder(self.engine)
                except OSError as error:
                    raise self._unavailable(error) from error
                migrate(self.engine)
                self._ready = True

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a transaction that may write: commits at the end of the block, rolls back on any error.

        Raises:
            StoreUnavailable: The database does not answer; nothing was written, and the same may succeed later.
            StoreRefused: A newer program made the database.
        """
        self.prepare()
        with self._foreseen(), self._writing.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads, and so waits for no writer (errors: see `session`)."""
        self.prepare()
        with self._foreseen(), self._reading.begin() as session:
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _foreseen(self) -> Iterator[None]:
        """Turn what is raised when a database is away, locked, full or damaged into our one error; log its begin and end."""
        try:
            yield
        except (IntegrityError, DataError):
            raise  # the caller's doing: the database is well
        except (DBAPIError, PoolTimeout) as error:
            raise self._unavailable(error) from error
        if self._down:
            self._down = False
            log.info("store_available")

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        if not self._down:
            # A driver's first line names hosts and files, never values; the answer to a caller names not even those.
            cause = error.orig if isinstance(error, DBAPIError) else error
            log.error("store_unavailable", reason=str(cause).strip().partition("\n")[0][:200])
        self._down = True
        return StoreUnavailable("the database does not answer; try again later")


def open_store(url: str, *, must_answer: bool = True) -> Store:
    """Return the store of a database, with its schema brought up to date.

    Args:
        url: `sqlite:///PATH`, whose folder is made where it is missing, or `postgresql://USER:PASSWORD@HOST/NAME`.
        must_answer: Whether the database has to answer now; if not, the first session that it answers prepares it, so that
            a service whose database is down starts all the same.

    Raises:
        StoreUnavailable: The database does not answer, and must.
        StoreRefused: The URL names no usable database, or a newer program made it.
    """
    store = Store(make_engine(url))
    try:
        store.prepare()
    except ReboundError as error:
        if must_answer or not isinstance(error, StoreUnavailable):
            store.close()
            raise
    return store
