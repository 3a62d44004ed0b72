"""Where people correct the model: feedback is taken, batches that wait are reviewed, pins are removed.

Every act is one transaction; what it pins or unpins holds in this process when it returns, and in all others within two
seconds (they look every second, see `Pins.refresh`).
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from classifier.errors import BatchNotFound, PinNotFound, ReboundError, SecondPersonNeeded, StoreUnavailable
from classifier.feedback.agree import APPROVED, REJECTED, Cause, Wish, settle
from classifier.feedback.items import Item
from classifier.feedback.learned import RESERVED
from classifier.feedback.opinions import Giver, Opinion, opinions, read_items, unknown_templates
from classifier.feedback.sitting import Result, Sitting
from classifier.pins import Pins, now
from classifier.pipeline import Pipeline
from classifier.store import LabelRepository, PinRepository, Store
from classifier.store.tables import BatchRow
from classifier.store.words import MOST_REASON, masked


class FeedbackDesk:
    """Takes feedback. Safe to share between threads.

    Every method raises StoreUnavailable while the database does not answer; then nothing was changed.

    Args:
        store: Where labels, batches and pins are kept.
        pipeline: Tells the categories there are, and what the model says itself.
        pins: This process's; they follow at once.
        labels_per_hour: Most labels of one person.
        pin_days: Days that a pin holds where nobody says otherwise; None for always.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        pins: Pins,
        *,
        labels_per_hour: int,
        pin_days: int | None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._pins = pins
        self._labels_per_hour = labels_per_hour
        self._pin_days = pin_days
        self._clock = clock

    def unknown(self, documents: Sequence[Any]) -> bool:
        """Whether some document names a template that the store does not know, or does not know yet."""
        return bool(unknown_templates(read_items(documents), self._store))

    def give(self, documents: Sequence[Any], giver: Giver, *, source: str) -> list[Result | ReboundError]:
        """Take decoded JSON documents, and return what became of each, in order; a bad one costs nothing but itself.

        Args:
            documents: See `classifier.feedback.items`.
            giver: Who sends them.
            source: From where: "http", "console", "cli" or "import".
        """
        items: list[Item | ReboundError] = read_items(documents)
        found = opinions(items, giver, self._pipeline, self._store)
        given = [opinion for opinion in found if isinstance(opinion, Opinion)]
        if not given:
            return [error for error in found if isinstance(error, ReboundError)]
        with self._store.session() as session:
            sitting = Sitting(
                session,
                at=self._clock(),
                source=source,
                labels_per_hour=self._labels_per_hour,
                pin_days=self._pin_days,
            )
            results = iter(sitting.take(given))
        self._follow()
        return [next(results) if isinstance(opinion, Opinion) else opinion for opinion in found]

    def review(self, batch_id: int, *, accept: bool, by: str, taxonomies: Collection[str] | None = None) -> BatchRow:
        """Accept or reject a batch that waits; accepting pins its labels.

        Args:
            batch_id: Of a batch in quarantine.
            accept: Whether its labels are believed.
            by: Who says so.
            taxonomies: Those that they may see; None for all.

        Raises:
            BatchNotFound: There is no such batch, or none that they may see.
            SecondPersonNeeded: They gave it themselves.
            ReviewRefused: It does not wait (any more).
        """
        at = self._clock()
        with self._store.session() as session:
            labels = LabelRepository(session)
            labels.alone("feedback")
            given = labels.of_batch(batch_id)
            if not given or (taxonomies is not None and given[0].taxonomy not in taxonomies):
                raise BatchNotFound(f"there is no batch {batch_id}")
            if given[0].who == by:
                raise SecondPersonNeeded("a batch is reviewed by a second person, never by the one who gave it")
            batch = labels.review(batch_id, accept=accept, by=by, at=at)
            expires_at = None if self._pin_days is None else at + timedelta(days=self._pin_days)
            wish = {(x.template_id, x.taxonomy): Wish(category=x.category, expires_at=expires_at) for x in given}
            cause = Cause(who=by, why=APPROVED if accept else REJECTED, at=at, default=expires_at)
            settle(session, wish.keys(), cause, wish if accept else None)
        self._follow()
        return batch

    def unpin(self, template_id: str, taxonomy: str, *, who: str, why: str) -> None:
        """Remove the pin of a template; the labels stay, and the model answers again.

        Raises:
            PinNotFound: None holds.
        """
        at = self._clock()
        if masked(why, MOST_REASON) in RESERVED:  # as the store would keep it
            why = f"removed: {why}"
        with self._store.session() as session:
            LabelRepository(session).alone("feedback")
            pins = PinRepository(session)
            last = pins.newest(taxonomy, [template_id]).get(template_id)
            if last is None or last.category is None or (last.expires_at is not None and last.expires_at <= at):
                raise PinNotFound("no pin holds for this template under this taxonomy")
            pins.remove(template_id=template_id, taxonomy=taxonomy, who=who, why=why, at=at)
        self._follow()

    def _follow(self) -> None:
        # It is written: should the database leave us now, the poll of all processes finds it later.
        with suppress(StoreUnavailable), self._store.reading() as session:
            self._pins.refresh(PinRepository(session))
