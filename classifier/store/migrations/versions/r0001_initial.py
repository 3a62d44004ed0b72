"""The first schema: templates, counts, decisions, labels, batches, pins, models, runs, leases, shadow differences."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("reviewed_by", sa.String(length=80), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_state"), "batches", ["state"])

    op.create_table(
        "counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("template_id", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("taxonomy", sa.String(length=48), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "template_id", "provider", "taxonomy", name=op.f("pk_counts")),
    )
    op.create_index(op.f("ix_counts_template_id"), "counts", ["template_id"])

    op.create_table(
        "decisions",
        sa.Column("template_id", sa.String(length=16), nullable=False),
        sa.Column("taxonomy", sa.String(length=48), nullable=False),
        sa.Column("taxonomy_version", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "taxonomy", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_category"), "decisions", ["category"])

    op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("labels_until", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
    )
    op.create_table(
        "labels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("template_id", sa.String(length=16), nullable=False),
        sa.Column("taxonomy", sa.String(length=48), nullable=False),
        sa.Column("taxonomy_version", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("model_category", sa.String(length=64), nullable=True),
        sa.Column("model_confidence", sa.Double(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
    )
    op.create_index(op.f("ix_labels_at"), "labels", ["at"])
    op.create_index(op.f("ix_labels_batch_id"), "labels", ["batch_id"])
    op.create_index(op.f("ix_labels_template_id"), "labels", ["template_id"])
    op.create_index(op.f("ix_labels_who_at"), "labels", ["who", "at"])

    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "model_versions",
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("bundle_sha256", sa.String(length=64), nullable=False),
        sa.Column("registry_version", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("objections", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("labels_until", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("label", name=op.f("pk_model_versions")),
    )
    op.create_table(
        "pin_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("template_id", sa.String(length=16), nullable=False),
        sa.Column("taxonomy", sa.String(length=48), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=True),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pin_events")),
    )
    op.create_index(op.f("ix_pin_events_template_taxonomy"), "pin_events", ["template_id", "taxonomy"])

    op.create_table(
        "shadow_differences",
        sa.Column("template_id", sa.String(length=16), nullable=False),
        sa.Column("champion", sa.String(length=80), nullable=False),
        sa.Column("challenger", sa.String(length=80), nullable=False),
        sa.Column("champion_category", sa.String(length=64), nullable=False),
        sa.Column("champion_action", sa.String(length=20), nullable=False),
        sa.Column("challenger_category", sa.String(length=64), nullable=False),
        sa.Column("challenger_action", sa.String(length=20), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "champion", "challenger", name=op.f("pk_shadow_differences")),
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    op.create_index(op.f("ix_templates_first_seen"), "templates", ["first_seen"])


def downgrade() -> None:
    """Drop all tables with what is in them."""
    for table in (
        "templates",
        "shadow_differences",
        "pin_events",
        "model_versions",
        "leases",
        "labels",
        "job_runs",
        "decisions",
        "counts",
        "batches",
    ):
        op.drop_table(table)
