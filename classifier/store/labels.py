"""What people say of templates, and what they agree on."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from classifier.errors import BatchNotFound, ReviewRefused
from classifier.store.sql import on_postgresql
from classifier.store.tables import BatchRow, LabelRow, TemplateRow
from classifier.store.words import masked, person

ACCEPTED, QUARANTINED, REJECTED = "accepted", "quarantined", "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedLabel:
    """What a strict majority of those who judged a template say of it.

    Attributes:
        template_id, text: The template.
        category: What they say.
        votes: How many say so.
        voters: How many judged it at all.
        who, sources: Whose labels agree, and where those came from, without repetition.
        first_id, label_id: The lowest and the highest id among all labels that were counted.
        reviewed_at: When the newest of them that had waited in quarantine was let in; None where none had.
        at: When the newest of the agreeing labels was given.
        model_category, model_confidence: What the model said at that time; None where it was not asked.
    """

    template_id: str
    text: str
    category: str
    votes: int
    voters: int
    who: tuple[str, ...]
    sources: tuple[str, ...]
    first_id: int
    label_id: int
    reviewed_at: datetime | None
    at: datetime
    model_category: str | None
    model_confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A template on which no strict majority agrees: it teaches nothing until somebody changes their mind.

    Attributes:
        template_id, text: The template.
        votes: Category to those who say so, the most votes first.
        at: When the newest label was given.
    """

    template_id: str
    text: str
    votes: Mapping[str, tuple[str, ...]]
    at: datetime


_Counted = tuple[LabelRow, BatchRow]


class LabelRepository:
    """Labels that people gave, and the batches they came in. Labels are append-only. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        *,
        template_id: str,
        taxonomy: str,
        taxonomy_version: str,
        category: str,
        who: str,
        source: str,
        batch_id: int,
        at: datetime,
        note: str | None = None,
        model_category: str | None = None,
        model_confidence: float | None = None,
    ) -> LabelRow:
        """Add one label of a template that is remembered already; the note is kept without addresses."""
        label = LabelRow(
            template_id=template_id,
            taxonomy=taxonomy,
            taxonomy_version=taxonomy_version,
            category=category,
            who=person(who),
            source=source,
            note=masked(note, 500),
            model_category=model_category,
            model_confidence=model_confidence,
            batch_id=batch_id,
            at=at,
        )
        self._session.add(label)
        self._session.flush()
        return label

    def newest_per_person(
        self,
        template_id: str,
        taxonomy: str,
        *,
        without_sources: Collection[str] = (),
        without_who: Collection[str] = (),
    ) -> list[LabelRow]:
        """Return each person's newest accepted label of a template, the oldest first (what is left out: see `agreed`)."""
        conditions = [LabelRow.template_id == template_id, *_but(without_sources, without_who)]
        return [label for label, _, _ in self._counted(taxonomy, *conditions)]

    def agreed(
        self,
        taxonomy: str,
        *,
        since: tuple[int, datetime] | None = None,
        without_sources: Collection[str] = (),
        without_who: Collection[str] = (),
    ) -> list[AgreedLabel]:
        """Return what people agree on, by template id.

        Each person's newest accepted label counts once, and a strict majority of persons wins.

        Args:
            taxonomy: Name of the taxonomy.
            since: Only templates that got a label with a higher id than this, or one that a second person let in after
                this time: it keeps the id that it was given before it waited. None for all.
            without_sources: As if labels from there had never been given.
            without_who: As if labels by these people had never been given.
        """
        conditions = _but(without_sources, without_who)
        found = (_agreement(template, counted) for template, counted in self._by_template(taxonomy, *conditions))
        return [label for label in found if label is not None and (since is None or _newer(label, *since))]

    def conflicts(self, taxonomy: str) -> list[Conflict]:
        """Return the templates on which people do not agree, by template id."""
        return [
            _conflict(template, [label for label, _ in counted])
            for template, counted in self._by_template(taxonomy)
            if _agreement(template, counted) is None
        ]

    def count_since(self, who: str, at: datetime) -> int:
        """Return how many labels a person has given since a time, accepted or not."""
        query = select(func.count()).select_from(LabelRow).where(LabelRow.who == person(who), LabelRow.at >= at)
        return self._session.scalars(query).one()

    def last_id(self) -> int:
        """Return the highest label id; 0 if there are no labels."""
        return self._session.scalars(select(func.coalesce(func.max(LabelRow.id), 0))).one()

    def alone(self, who: str) -> None:
        """Let other transactions for the same person wait until this one ends, so that limits and repeats are exact."""
        if on_postgresql(self._session):
            self._session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:who))"), {"who": person(who)})

    def open_batch(self, *, who: str, at: datetime, state: str = ACCEPTED, reason: str | None = None) -> BatchRow:
        """Begin a batch; its labels count only while its state is "accepted"."""
        batch = BatchRow(who=person(who), at=at, state=state, reason=masked(reason, 300))
        self._session.add(batch)
        self._session.flush()
        return batch

    def quarantined(self) -> list[BatchRow]:
        """Return the batches that wait for a second person, the oldest first."""
        return list(self._session.scalars(select(BatchRow).where(BatchRow.state == QUARANTINED).order_by(BatchRow.id)))

    def of_batch(self, batch_id: int) -> list[LabelRow]:
        """Return a batch's labels in the order they were given."""
        return list(self._session.scalars(select(LabelRow).where(LabelRow.batch_id == batch_id).order_by(LabelRow.id)))

    def review(self, batch_id: int, *, accept: bool, by: str, at: datetime) -> BatchRow:
        """Accept or reject a batch that waits.

        Raises:
            BatchNotFound: There is no such batch.
            ReviewRefused: It was reviewed already, or `by` gave it.
        """
        batch = self._session.get(BatchRow, batch_id, with_for_update=True, populate_existing=True)
        if batch is None:
            raise BatchNotFound(f"there is no batch {batch_id}")
        if batch.who == person(by):
            raise ReviewRefused("a batch is reviewed by a second person, never by the one who gave it")
        if batch.state != QUARANTINED:
            raise ReviewRefused(f"batch {batch_id} was {batch.state} already")
        batch.state = ACCEPTED if accept else REJECTED
        batch.reviewed_by, batch.reviewed_at = person(by), at
        self._session.flush()
        return batch

    def _by_template(
        self, taxonomy: str, *conditions: ColumnElement[bool]
    ) -> Iterable[tuple[TemplateRow, list[_Counted]]]:
        for template, counted in groupby(self._counted(taxonomy, *conditions), key=lambda row: row[1]):
            yield template, [(label, batch) for label, _, batch in counted]

    def _counted(self, taxonomy: str, *conditions: ColumnElement[bool]) -> list[tuple[LabelRow, TemplateRow, BatchRow]]:
        """Return each person's newest accepted label of each template, by template id and then age."""
        newest = (
            select(func.max(LabelRow.id))
            .join(BatchRow, BatchRow.id == LabelRow.batch_id)
            .where(LabelRow.taxonomy == taxonomy, BatchRow.state == ACCEPTED, *conditions)
            .group_by(LabelRow.template_id, LabelRow.who)
        )
        query = (
            select(LabelRow, TemplateRow, BatchRow)
            .join(TemplateRow, TemplateRow.id == LabelRow.template_id)
            .join(BatchRow, BatchRow.id == LabelRow.batch_id)
            .where(LabelRow.id.in_(newest))
            .order_by(LabelRow.template_id, LabelRow.id)
        )
        return [(label, template, batch) for label, template, batch in self._session.execute(query)]


def _but(sources: Collection[str], who: Collection[str]) -> list[ColumnElement[bool]]:
    """Return what holds for labels that are not left out."""
    kept: list[ColumnElement[bool]] = [LabelRow.source.not_in(sources)] if sources else []
    return kept + ([LabelRow.who.not_in([person(name) for name in who])] if who else [])


def majority(labels: Collection[LabelRow]) -> str | None:
    """Return the category that more than half of the labels name, one label of each person; None if there is none."""
    ranked = Counter(label.category for label in labels).most_common(1)
    return next((category for category, votes in ranked if 2 * votes > len(labels)), None)


def _agreement(template: TemplateRow, counted: list[_Counted]) -> AgreedLabel | None:
    labels = [label for label, _ in counted]
    category = majority(labels)
    if category is None:
        return None
    agreeing = [label for label in labels if label.category == category]
    newest = max(agreeing, key=lambda label: label.id)
    return AgreedLabel(
        template_id=template.id,
        text=template.text,
        category=category,
        votes=len(agreeing),
        voters=len(labels),
        who=tuple(label.who for label in agreeing),
        sources=tuple(dict.fromkeys(label.source for label in agreeing)),
        first_id=min(label.id for label in labels),
        label_id=max(label.id for label in labels),
        reviewed_at=max((batch.reviewed_at for _, batch in counted if batch.reviewed_at), default=None),
        at=newest.at,
        model_category=newest.model_category,
        model_confidence=newest.model_confidence,
    )


def _newer(label: AgreedLabel, label_id: int, at: datetime) -> bool:
    return label.label_id > label_id or (label.reviewed_at is not None and label.reviewed_at > at)


def _conflict(template: TemplateRow, labels: list[LabelRow]) -> Conflict:
    ranked = Counter(label.category for label in labels).most_common()
    votes = {category: tuple(label.who for label in labels if label.category == category) for category, _ in ranked}
    return Conflict(template_id=template.id, text=template.text, votes=votes, at=max(label.at for label in labels))
