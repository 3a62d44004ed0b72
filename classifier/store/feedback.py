"""What the feedback desk asks of labels and batches, many at once and in few statements."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from classifier.store.labels import ACCEPTED, QUARANTINED, REJECTED
from classifier.store.sql import chunks
from classifier.store.tables import BatchRow, LabelRow, TemplateRow
from classifier.store.words import person


class FeedbackRepository:
    """Reads labels by giver, by template and by batch, and sends batches to a second person. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """Return the texts of those of the ids that are known templates."""
        query = select(TemplateRow.id, TemplateRow.text)
        return {
            found: text
            for chunk in chunks(ids)
            for found, text in self._session.execute(query.where(TemplateRow.id.in_(chunk)))
        }

    def given_since(self, who: str, at: datetime) -> list[tuple[LabelRow, BatchRow]]:
        """Return a person's labels since a time with their batches, the oldest first."""
        query = (
            select(LabelRow, BatchRow)
            .join(BatchRow, BatchRow.id == LabelRow.batch_id)
            .where(LabelRow.who == person(who), LabelRow.at >= at)
            .order_by(LabelRow.id)
        )
        return [(label, batch) for label, batch in self._session.execute(query)]

    def newest_of(self, who: str, taxonomy: str, ids: Collection[str]) -> dict[str, LabelRow]:
        """Return a person's newest label of each of these templates, by template id; one that was rejected is as if unsaid."""
        found: dict[str, LabelRow] = {}
        for chunk in chunks(ids):
            newest = (
                select(func.max(LabelRow.id))
                .join(BatchRow, BatchRow.id == LabelRow.batch_id)
                .where(BatchRow.state != REJECTED)
                .where(LabelRow.who == person(who), LabelRow.taxonomy == taxonomy, LabelRow.template_id.in_(chunk))
                .group_by(LabelRow.template_id)
            )
            labels = self._session.scalars(select(LabelRow).where(LabelRow.id.in_(newest)))
            found |= {label.template_id: label for label in labels}
        return found

    def votes(self, taxonomy: str, ids: Collection[str]) -> dict[str, list[LabelRow]]:
        """Return each person's newest accepted label of each of these templates, by template id, the oldest first."""
        votes: dict[str, list[LabelRow]] = defaultdict(list)
        for chunk in chunks(ids):
            newest = (
                select(func.max(LabelRow.id))
                .join(BatchRow, BatchRow.id == LabelRow.batch_id)
                .where(LabelRow.taxonomy == taxonomy, LabelRow.template_id.in_(chunk), BatchRow.state == ACCEPTED)
                .group_by(LabelRow.template_id, LabelRow.who)
            )
            query = select(LabelRow).where(LabelRow.id.in_(newest)).order_by(LabelRow.id)
            for label in self._session.scalars(query):
                votes[label.template_id].append(label)
        return votes

    def quarantine(self, batches: Iterable[BatchRow], reason: str) -> None:
        """Let accepted batches wait for a second person; their labels stay as they are and count no longer."""
        for batch in batches:
            batch.state, batch.reason = QUARANTINED, reason
        self._session.flush()

    def waiting(self, taxonomies: Collection[str] | None, limit: int) -> list[tuple[BatchRow, list[LabelRow]]]:
        """Return batches that wait for a second person with their labels, the oldest first.

        Args:
            taxonomies: Only batches of labels under these; None for all. A batch is of one taxonomy.
            limit: Most batches returned.
        """
        query = select(BatchRow).where(BatchRow.state == QUARANTINED).order_by(BatchRow.id)
        if taxonomies is not None:
            theirs = select(LabelRow.batch_id).where(LabelRow.taxonomy.in_(taxonomies))
            query = query.where(BatchRow.id.in_(theirs))
        batches = list(self._session.scalars(query.limit(limit)))
        labels: dict[int, list[LabelRow]] = defaultdict(list)
        for chunk in chunks([batch.id for batch in batches]):
            found = select(LabelRow).where(LabelRow.batch_id.in_(chunk)).order_by(LabelRow.id)
            for label in self._session.scalars(found):
                labels[label.batch_id].append(label)
        return [(batch, labels[batch.id]) for batch in batches]

    def recent(
        self, taxonomy: str, limit: int, *, template_id: str | None = None, before_id: int | None = None
    ) -> list[tuple[LabelRow, BatchRow]]:
        """Return labels with their batches, the newest first; those with a lower id than `before_id`, if given."""
        query = select(LabelRow, BatchRow).join(BatchRow, BatchRow.id == LabelRow.batch_id)
        query = query.where(LabelRow.taxonomy == taxonomy)
        if template_id is not None:
            query = query.where(LabelRow.template_id == template_id)
        if before_id is not None:
            query = query.where(LabelRow.id < before_id)
        rows = self._session.execute(query.order_by(LabelRow.id.desc()).limit(limit))
        return [(label, batch) for label, batch in rows]
