"""What is remembered, table by table: templates, counts, decisions, judgements. Never a raw message, never an address.

    templates ─┬─ counts       how often, per day, provider and taxonomy
               ├─ decisions    what was last answered for it, per taxonomy
               ├─ labels       what people say of it: append-only
               ├─ pin_events   answers that hold at once: append-only, the newest event of a template and taxonomy counts
               └─ shadow_differences   what a challenger beside the champion would answer

    batches        feedback that waits for a second person
    model_versions, job_runs, leases   what was learned, when, and who is at it

All times are UTC; SQLite keeps no zone, so every reader gets it back from `UtcDateTime`.
"""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Index, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware time in UTC; a naive one is a bug of the caller's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, turn others to UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's times their zone back."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Root of all tables; constraints are named, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TemplateRow(Base):
    """One distinct wording. Its id is the template's own digest (`classifier.normalise.template_id`)."""

    __tablename__ = "templates"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)


class CountRow(Base):
    """How many failures of a template came in, on one day (UTC), from one provider ("" if unknown), under one taxonomy."""

    __tablename__ = "counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    template_id: Mapped[str] = mapped_column(String(16), primary_key=True, index=True)
    provider: Mapped[str] = mapped_column(String(64), primary_key=True)
    taxonomy: Mapped[str] = mapped_column(String(48), primary_key=True)
    n: Mapped[int]


class DecisionRow(Base):
    """What was answered last for a template under a taxonomy, and by what."""

    __tablename__ = "decisions"

    template_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    taxonomy: Mapped[str] = mapped_column(String(48), primary_key=True)
    taxonomy_version: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(64), index=True)
    confidence: Mapped[float]
    action: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(10))
    model: Mapped[str] = mapped_column(String(80))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LabelRow(Base):
    """One person's judgement of one template. Append-only: a correction is a new row, never an UPDATE.

    Attributes:
        who: Who judged: "key:" and the head of the API key's digest, or "by:" and the name given, or "anonymous".
        source: From where: "http", "console", "cli", "import".
        taxonomy_version: Of the taxonomy when the label was given.
        model_category, model_confidence: What the model said then; null where it was not asked.
        batch_id: The batch it came in with.
    """

    __tablename__ = "labels"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    template_id: Mapped[str] = mapped_column(String(16), index=True)
    taxonomy: Mapped[str] = mapped_column(String(48))
    taxonomy_version: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(64))
    who: Mapped[str] = mapped_column(String(80))
    source: Mapped[str] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(String(500))
    model_category: Mapped[str | None] = mapped_column(String(64))
    model_confidence: Mapped[float | None]
    batch_id: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    __table_args__ = (Index("ix_labels_who_at", "who", "at"),)


class BatchRow(Base):
    """Labels that came together. Only those of an accepted batch are learned from and pinned.

    Attributes:
        state: "accepted", "quarantined" (waits for a second person) or "rejected".
        reason: Why it was quarantined, one plain sentence; null if it was not.
    """

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    who: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(12), index=True)
    reason: Mapped[str | None] = mapped_column(String(300))
    reviewed_by: Mapped[str | None] = mapped_column(String(80))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PinEventRow(Base):
    """A human answer for one template was set or removed. Append-only; the newest event of a template and taxonomy counts.

    Attributes:
        category: What is pinned; null where the pin was removed.
        expires_at: From when on it no longer holds; null for never.
        why: "label", "conflict", "expired", "learned", "rejected", or a person's words.
    """

    __tablename__ = "pin_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    template_id: Mapped[str] = mapped_column(String(16))
    taxonomy: Mapped[str] = mapped_column(String(48))
    category: Mapped[str | None] = mapped_column(String(64))
    who: Mapped[str] = mapped_column(String(80))
    why: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_pin_events_template_taxonomy", "template_id", "taxonomy"),)


class ModelVersionRow(Base):
    """A model that was registered, and what became of it.

    Attributes:
        label: Name and version, such as "minilm-l4/3".
        bundle_sha256: SHA-256 of the bundle's manifest.json: names all its files.
        registry_version: Version number in the MLflow registry; null where it never was there.
        state: "challenger", "champion", "retired" or "refused".
        objections: The gate's, one sentence each.
    """

    __tablename__ = "model_versions"

    label: Mapped[str] = mapped_column(String(80), primary_key=True)
    bundle_sha256: Mapped[str] = mapped_column(String(64))
    registry_version: Mapped[str | None] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(12))
    objections: Mapped[list[str]] = mapped_column(JSON)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    labels_until: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobRunRow(Base):
    """One run of the retraining job.

    Attributes:
        state: "running", "done", "failed" or "interrupted" (its lease ran out).
        cause: "schedule", "labels", "drift" or "hand".
        labels_until: Highest label id that it read.
        model: Label of the model it made; null before that.
        error: Why it failed, one line.
    """

    __tablename__ = "job_runs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    profile: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(12))
    labels_until: Mapped[int]
    model: Mapped[str | None] = mapped_column(String(80))
    error: Mapped[str | None] = mapped_column(String(500))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LeaseRow(Base):
    """Who may do what only one may do at a time, across machines; whoever stops renewing it loses it."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ShadowDifferenceRow(Base):
    """A template that a challenger beside the champion was asked about; both answers are equal where they agree."""

    __tablename__ = "shadow_differences"

    template_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    champion: Mapped[str] = mapped_column(String(80), primary_key=True)
    challenger: Mapped[str] = mapped_column(String(80), primary_key=True)
    champion_category: Mapped[str] = mapped_column(String(64))
    champion_action: Mapped[str] = mapped_column(String(20))
    challenger_category: Mapped[str] = mapped_column(String(64))
    challenger_action: Mapped[str] = mapped_column(String(20))
    n: Mapped[int]
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
