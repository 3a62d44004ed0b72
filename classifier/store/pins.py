"""Human answers that hold at once, as a trail of events: the newest event of a template and taxonomy counts."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from classifier.pins import Pin
from classifier.store.sql import chunks
from classifier.store.tables import PinEventRow
from classifier.store.words import MOST_REASON, masked, person

_LATE = 10_000
"""Events among which one may still turn up late: ids are given in order, but transactions commit in any."""

_PIN = tuple(field.name for field in fields(Pin))


class PinRepository:
    """Sets, removes and lists pins. Append-only; never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def set(
        self,
        *,
        template_id: str,
        taxonomy: str,
        category: str,
        who: str,
        why: str,
        at: datetime,
        expires_at: datetime | None = None,
    ) -> PinEventRow:
        """Pin an answer, in place of any that was pinned before."""
        return self._add(template_id, taxonomy, category, who=who, why=why, at=at, expires_at=expires_at)

    def remove(self, *, template_id: str, taxonomy: str, who: str, why: str, at: datetime) -> PinEventRow:
        """Remove a pin; where there is none, only the trail gets longer."""
        return self._add(template_id, taxonomy, None, who=who, why=why, at=at, expires_at=None)

    def active(self, at: datetime) -> dict[tuple[str, str], Pin]:
        """Return the pins that hold at a time, by template id and taxonomy.

        A pin expires without an event: whoever keeps this looks at `expires_at`.
        """
        newest = select(func.max(PinEventRow.id)).group_by(PinEventRow.template_id, PinEventRow.taxonomy)
        # Columns rather than rows of the table: there may be thousands, and every process reads them after each change.
        query = select(*(getattr(PinEventRow, name) for name in _PIN)).where(
            PinEventRow.id.in_(newest),
            PinEventRow.category.is_not(None),
            or_(PinEventRow.expires_at.is_(None), PinEventRow.expires_at > at),
        )
        pins = (Pin(**dict(zip(_PIN, values, strict=True))) for values in self._session.execute(query))
        return {(pin.template_id, pin.taxonomy): pin for pin in pins}

    def newest(self, taxonomy: str, ids: Collection[str]) -> dict[str, PinEventRow]:
        """Return the newest event of each of these templates under a taxonomy, by template id, where there is one."""
        events: dict[str, PinEventRow] = {}
        for chunk in chunks(ids):
            newest = (
                select(func.max(PinEventRow.id))
                .where(PinEventRow.taxonomy == taxonomy, PinEventRow.template_id.in_(chunk))
                .group_by(PinEventRow.template_id)
            )
            found = self._session.scalars(select(PinEventRow).where(PinEventRow.id.in_(newest)))
            events |= {event.template_id: event for event in found}
        return events

    def history(self, template_id: str) -> list[PinEventRow]:
        """Return all events of a template, the oldest first."""
        query = select(PinEventRow).where(PinEventRow.template_id == template_id).order_by(PinEventRow.id)
        return list(self._session.scalars(query))

    def stamp(self) -> tuple[int, int, int]:
        """Return what changes whenever an event is added, at the cost of one short index scan."""
        last = select(PinEventRow.id).order_by(PinEventRow.id.desc()).limit(_LATE).subquery()
        row = self._session.execute(select(func.max(last.c.id), func.min(last.c.id), func.count())).one()
        return (row[0] or 0, row[1] or 0, row[2])

    def _add(
        self,
        template_id: str,
        taxonomy: str,
        category: str | None,
        *,
        who: str,
        why: str,
        at: datetime,
        expires_at: datetime | None,
    ) -> PinEventRow:
        event = PinEventRow(
            template_id=template_id,
            taxonomy=taxonomy,
            category=category,
            who=person(who),
            why=masked(why, MOST_REASON) or "",
            at=at,
            expires_at=expires_at,
        )
        self._session.add(event)
        self._session.flush()
        return event
