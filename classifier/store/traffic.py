"""Templates, how often each comes in, and what was last answered for it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Select, and_, case, delete, exists, func, select
from sqlalchemy.orm import Session

from classifier.store.sql import change, chunks, insert_into, write
from classifier.store.tables import (
    BatchRow,
    CountRow,
    DecisionRow,
    LabelRow,
    PinEventRow,
    ShadowDifferenceRow,
    TemplateRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One day's failures of one template from one provider under one taxonomy.

    Attributes:
        template_id, text: The template.
        taxonomy: Name of the taxonomy.
        provider: Who runs the receiving system; "" if unknown.
        day: In UTC.
        n: Failures counted.
        category, confidence, action, source: What was last answered for the template, on that day or later.
        first_seen: When the template was first seen, ever.
    """

    template_id: str
    text: str
    taxonomy: str
    provider: str
    day: date
    n: int
    category: str
    confidence: float
    action: str
    source: str
    first_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A template that waits for a person's judgement; `n` counts its failures (other attributes: see `Traffic`)."""

    template_id: str
    text: str
    n: int
    category: str
    confidence: float
    action: str
    source: str
    first_seen: datetime
    last_seen: datetime


class TrafficRepository:
    """Reads and writes templates, counts and decisions. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def template(self, template_id: str) -> TemplateRow | None:
        """Return a template; None if it is not known."""
        return self._session.get(TemplateRow, template_id)

    def known(self, ids: Collection[str]) -> set[str]:
        """Return those of the ids that are known templates."""
        return {
            found
            for chunk in chunks(ids)
            for found in self._session.scalars(select(TemplateRow.id).where(TemplateRow.id.in_(chunk)))
        }

    def remember(self, template_id: str, text: str, at: datetime) -> None:
        """Keep a template that may be new; it is not counted, and a known one stays as it is."""
        row = {"id": template_id, "text": text, "first_seen": at, "last_seen": at}
        self._session.execute(insert_into(self._session, TemplateRow).on_conflict_do_nothing(), [row])

    def upsert_templates(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add templates by column names; of known ones, first_seen and last_seen span all sightings."""
        insert = insert_into(self._session, TemplateRow)
        new, old = insert.excluded, TemplateRow
        seen = {
            "first_seen": case((new.first_seen < old.first_seen, new.first_seen), else_=old.first_seen),
            "last_seen": case((new.last_seen > old.last_seen, new.last_seen), else_=old.last_seen),
        }
        write(self._session, insert.on_conflict_do_update(index_elements=["id"], set_=seen), rows)

    def upsert_counts(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add counts, by column names, to what is counted already."""
        insert = insert_into(self._session, CountRow)
        keys = ["day", "template_id", "provider", "taxonomy"]
        more = {"n": CountRow.n + insert.excluded.n}
        write(self._session, insert.on_conflict_do_update(index_elements=keys, set_=more), rows)

    def upsert_decisions(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep decisions, by column names, where none newer is kept."""
        insert = insert_into(self._session, DecisionRow)
        keys = ["template_id", "taxonomy"]
        fields = [column.name for column in DecisionRow.__table__.columns if column.name not in keys]
        newer = insert.on_conflict_do_update(
            index_elements=keys,
            set_={name: insert.excluded[name] for name in fields},
            where=insert.excluded.decided_at >= DecisionRow.decided_at,
        )
        write(self._session, newer, rows)

    def traffic(self, since: date, until: date, *, taxonomy: str | None = "standard") -> list[Traffic]:
        """Return what came in, the oldest day first (arguments: see `stream`)."""
        return list(self.stream(since, until, taxonomy=taxonomy))

    def stream(self, since: date, until: date, *, taxonomy: str | None = "standard") -> Iterator[Traffic]:
        """Yield what came in, the oldest day first, while it is read: a month of a large sender is a million rows.

        Args:
            since: First day, UTC.
            until: Last day, which is included.
            taxonomy: Under which taxonomy; None for all, each failure once.
        """
        query = _counted().where(CountRow.day >= since, CountRow.day <= until)
        if taxonomy is not None:
            query = query.where(CountRow.taxonomy == taxonomy)
        query = query.order_by(CountRow.day, CountRow.template_id, CountRow.provider, CountRow.taxonomy)
        for row in self._session.execute(query.execution_options(yield_per=_AT_ONCE)):
            yield Traffic(**row._asdict())

    def queue(self, taxonomy: str, limit: int, *, since: date | None = None) -> list[Queued]:
        """Return templates without an accepted label, those first whose failures are most often answered in doubt.

        Args:
            taxonomy: Name of the taxonomy.
            limit: Most templates returned.
            since: First day whose failures count, UTC; None for all.
        """
        rows = self._session.execute(_queued(taxonomy, since).limit(limit))
        return [
            Queued(
                template_id=template.id,
                text=template.text,
                n=int(n),
                category=decision.category,
                confidence=decision.confidence,
                action=decision.action,
                source=decision.source,
                first_seen=template.first_seen,
                last_seen=template.last_seen,
            )
            for template, decision, n in rows
        ]

    def forget(self, before: date) -> int:
        """Delete counts of days before one, and templates that nobody saw since or ever judged; return counts deleted."""
        gone = change(self._session, delete(CountRow).where(CountRow.day < before))
        unused = [~exists().where(rows.template_id == TemplateRow.id) for rows in _REFERRING]
        midnight = datetime.combine(before, time(), UTC)
        change(self._session, delete(TemplateRow).where(TemplateRow.last_seen < midnight, *unused))
        change(self._session, delete(DecisionRow).where(~exists().where(TemplateRow.id == DecisionRow.template_id)))
        return gone


_AT_ONCE = 5_000
"""Rows that are fetched in one go."""
_REFERRING = (CountRow, LabelRow, PinEventRow, ShadowDifferenceRow)


def _counted() -> Select[*tuple[Any, ...]]:
    """Select what `Traffic` is made of, column by column: objects of each row would cost twice the time."""
    return (
        select(
            CountRow.template_id,
            TemplateRow.text,
            CountRow.taxonomy,
            CountRow.provider,
            CountRow.day,
            CountRow.n,
            DecisionRow.category,
            DecisionRow.confidence,
            DecisionRow.action,
            DecisionRow.source,
            TemplateRow.first_seen,
        )
        .join(TemplateRow, TemplateRow.id == CountRow.template_id)
        .join(
            DecisionRow,
            and_(DecisionRow.template_id == CountRow.template_id, DecisionRow.taxonomy == CountRow.taxonomy),
        )
    )


def _queued(taxonomy: str, since: date | None) -> Select[TemplateRow, DecisionRow, int]:
    counted = select(CountRow.template_id, func.sum(CountRow.n).label("n")).where(CountRow.taxonomy == taxonomy)
    if since is not None:
        counted = counted.where(CountRow.day >= since)
    seen = counted.group_by(CountRow.template_id).subquery()
    judged = exists().where(
        LabelRow.template_id == TemplateRow.id,
        LabelRow.taxonomy == taxonomy,
        BatchRow.id == LabelRow.batch_id,
        BatchRow.state == "accepted",
    )
    # A sure answer is sometimes wrong too: in great numbers it is looked at before rare doubtful ones.
    doubt = seen.c.n * (1.01 - DecisionRow.confidence)
    return (
        select(TemplateRow, DecisionRow, seen.c.n)
        .join(seen, seen.c.template_id == TemplateRow.id)
        .join(DecisionRow, and_(DecisionRow.template_id == TemplateRow.id, DecisionRow.taxonomy == taxonomy))
        .where(~judged)
        .order_by(doubt.desc(), TemplateRow.id)
    )
