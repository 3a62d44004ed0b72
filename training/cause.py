"""Why a run begins, or why it does not."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy.orm import Session

from classifier.drift import Code, alarms_in
from classifier.settings import Settings
from classifier.store import JobRepository, LabelRepository
from classifier.store.tables import ModelVersionRow
from training.feedback_rows import Feedback
from training.leaving import Leaving

Cause = Literal["hand", "schedule", "labels", "drift"]


def why_run(
    session: Session,
    settings: Settings,
    champion: ModelVersionRow,
    models: Sequence[ModelVersionRow],
    feedback: Feedback,
    leaving: Leaving,
    *,
    profile: str,
    cause: Cause,
    if_needed: bool,
    force: bool,
) -> tuple[Cause | None, str]:
    """Return the cause of a run, None if there is none, and the reason in words.

    Args:
        session: Of the store.
        settings: Hold how many new labels ask for a run.
        champion: The model that serves.
        models: All registered models.
        feedback: What people agree on now.
        leaving: Labels that are left out of it.
        profile: Of the run.
        cause: Who or what asked.
        if_needed: Whether labels or drift must ask for it.
        force: Whether it runs even where nobody said anything new.
    """
    if if_needed:
        asked, reason = _needed(session, settings, champion, leaving)
        if asked is None:
            return None, reason
        cause = asked
    else:
        reason = f"asked for by {cause}"
    if force:
        return cause, reason
    if feedback.sha256 == champion.figures.get("labels_sha256"):
        return None, f"{champion.label} has learnt from all that people said"
    for model in models:
        tried = (model.figures.get("start"), model.figures.get("profile"), model.figures.get("labels_sha256"))
        if tried == (champion.label, profile, feedback.sha256):
            return None, f"{model.label} was made of the same labels, from {champion.label}"
    return cause, f"{reason}; {len(feedback.rows)} labels"


def _needed(
    session: Session, settings: Settings, champion: ModelVersionRow, leaving: Leaving
) -> tuple[Cause | None, str]:
    last = JobRepository(session).last_done()
    since = (
        max(champion.labels_until, last.labels_until if last else 0),
        last.started_at if last else champion.created_at,
    )
    given = LabelRepository(session).agreed(
        "standard", since=since, without_sources=leaving.sources, without_who=leaving.who
    )
    new = len(given)
    if new >= settings.retrain_labels:
        return "labels", f"{new} templates were labelled anew"
    if sentences := drift_alarms(session):
        return "drift", "; ".join(sentences)
    return None, f"{new} templates were labelled anew, {settings.retrain_labels} ask for a run, and nothing drifts"


def drift_alarms(session: Session) -> list[str]:
    """Return what has drifted that a new model may know better, one sentence each, without the words of any bounce.

    Other causes of known words are the mail flow's doing: no model is made for them.
    """
    found = alarms_in(session, today=datetime.now(UTC).date())
    return [alarm.summary for alarm in found if alarm.code is not Code.CATEGORY_MIX]
