"""What a serving process remembers with: the store, the pins that it holds, and the counts that it has not yet written.

All of it outlives a change of the model. A database that does not answer, at the start or later, keeps nobody from being
answered: pins stay as they were, counts wait in memory, and feedback is refused until it answers again.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from api.housekeeping import Step
from classifier.errors import ReboundError
from classifier.pins import Pins
from classifier.settings import Settings
from classifier.store import PinRepository, Recorder, Store, TrafficRepository
from classifier.store.engine import make_engine

POLL_SECONDS = 1.0
"""Between two looks for new pins: a correction holds everywhere within two seconds."""
_FORGET_SECONDS = 6 * 3_600.0


class Memory:
    """Opens the store when it is first needed, and again when that failed. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Store | None = None
        self.pins = Pins()
        self.recorder = Recorder()
        self.reason: str | None = "not looked at yet"
        """Why the store could not be used when it was last looked at; None if it could."""

    @property
    def store(self) -> Store:
        """The store; whether its database answers, only a session tells.

        Raises:
            StoreRefused: The settings name no database that can be used.
        """
        if self._store is None:
            self._store = Store(make_engine(self._settings.store_url))
        return self._store

    def watching(self, *, held: Callable[[int], None]) -> list[Step]:
        """Return what makes pins of other processes hold in this one; `held` is told how many there are.

        It needs a thread of its own: it only reads, and what writes may wait half a minute for another writer.
        """

        def poll() -> None:
            self.poll()
            held(len(self.pins))

        return [Step(name="pins", seconds=POLL_SECONDS, run=poll)]

    def steps(self) -> list[Step]:
        """Return what else housekeeping has to do."""
        return [
            Step(name="counts", seconds=self._settings.flush_seconds, run=self.flush, at_stop=True),
            Step(name="forget", seconds=_FORGET_SECONDS, run=self.forget),
        ]

    def poll(self) -> None:
        """Take over what has been pinned or unpinned anywhere (errors: see `Store.session`)."""
        try:
            with self.store.reading() as session:
                self.pins.refresh(PinRepository(session))
        except ReboundError as error:
            self.reason = str(error)
            raise
        self.reason = None

    def flush(self) -> None:
        """Write what was counted (errors: see `Store.session`; then it is kept)."""
        self.recorder.flush(self.store)

    def forget(self) -> None:
        """Delete counts that are older than the settings keep them (errors: see `Store.session`)."""
        before = datetime.now(UTC).date() - timedelta(days=self._settings.keep_days)
        with self.store.session() as session:
            TrafficRepository(session).forget(before)

    def close(self) -> None:
        """Close all connections."""
        if self._store is not None:
            self._store.close()
