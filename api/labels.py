"""Feedback, labels, pins and batches as JSON-ready documents, the same over HTTP and from the command line."""

from collections.abc import Iterable
from typing import Any

from api.problems import problem
from classifier.errors import ReboundError
from classifier.feedback.sitting import Result
from classifier.pins import Pin
from classifier.store import Conflict, Queued
from classifier.store.tables import BatchRow, LabelRow, PinEventRow


def result_document(result: Result) -> dict[str, Any]:
    """Return what became of one piece of feedback."""
    opinion, outcome = result.opinion, result.outcome
    judged = opinion.judged
    return ({} if opinion.item.id is None else {"id": opinion.item.id}) | {
        "state": result.state,
        "pinned": outcome.holds == judged.category,
        "holds": outcome.holds,
        "label_id": result.label_id,
        "template_id": judged.template_id,
        "template": opinion.text,
        "taxonomy": judged.taxonomy,
        "taxonomy_version": opinion.taxonomy_version,
        "category": judged.category,
        "model_category": judged.model_category,
        "model_confidence": judged.model_confidence,
    }


def error_document(error: ReboundError) -> dict[str, Any]:
    """Return an error that stands in the place of an answer."""
    wait = {} if error.retry_after_s is None else {"retry_after_s": error.retry_after_s}
    return {"error": problem(error.code, str(error)) | wait}


def label_document(label: LabelRow, batch: BatchRow) -> dict[str, Any]:
    """Return one label with the state of its batch."""
    return {
        "label_id": label.id,
        "template_id": label.template_id,
        "taxonomy": label.taxonomy,
        "taxonomy_version": label.taxonomy_version,
        "category": label.category,
        "who": label.who,
        "source": label.source,
        "note": label.note,
        "model_category": label.model_category,
        "model_confidence": label.model_confidence,
        "at": label.at.isoformat(),
        "batch_id": batch.id,
        "state": batch.state,
    }


def conflict_document(conflict: Conflict) -> dict[str, Any]:
    """Return one template on which people disagree."""
    return {
        "template_id": conflict.template_id,
        "template": conflict.text,
        "votes": [{"category": category, "who": list(who)} for category, who in conflict.votes.items()],
        "at": conflict.at.isoformat(),
    }


def queued_document(queued: Queued) -> dict[str, Any]:
    """Return one template that waits for a person's judgement."""
    return {
        "template_id": queued.template_id,
        "template": queued.text,
        "count": queued.n,
        "category": queued.category,
        "confidence": queued.confidence,
        "action": queued.action,
        "source": queued.source,
        "first_seen": queued.first_seen.isoformat(),
        "last_seen": queued.last_seen.isoformat(),
    }


def pin_document(pin: Pin, template: str | None) -> dict[str, Any]:
    """Return one pin that holds."""
    return {
        "template_id": pin.template_id,
        "template": template,
        "taxonomy": pin.taxonomy,
        "category": pin.category,
        "who": pin.who,
        "why": pin.why,
        "at": pin.at.isoformat(),
        "expires_at": None if pin.expires_at is None else pin.expires_at.isoformat(),
    }


def event_document(event: PinEventRow) -> dict[str, Any]:
    """Return one entry of a template's trail; `category` is null where the pin was removed."""
    return {
        "taxonomy": event.taxonomy,
        "category": event.category,
        "who": event.who,
        "why": event.why,
        "at": event.at.isoformat(),
        "expires_at": None if event.expires_at is None else event.expires_at.isoformat(),
    }


def batch_document(batch: BatchRow) -> dict[str, Any]:
    """Return one batch, without its labels."""
    return {
        "batch_id": batch.id,
        "who": batch.who,
        "at": batch.at.isoformat(),
        "state": batch.state,
        "reason": batch.reason,
        "reviewed_by": batch.reviewed_by,
        "reviewed_at": None if batch.reviewed_at is None else batch.reviewed_at.isoformat(),
    }


def waiting_document(batch: BatchRow, labels: Iterable[LabelRow], texts: dict[str, str]) -> dict[str, Any]:
    """Return one batch that waits for a second person, with what it says of which templates."""
    said = [
        {
            "label_id": label.id,
            "template_id": label.template_id,
            "template": texts.get(label.template_id),
            "category": label.category,
            "model_category": label.model_category,
            "model_confidence": label.model_confidence,
            "note": label.note,
        }
        for label in labels
    ]
    taxonomy = next((label.taxonomy for label in labels), None)
    return batch_document(batch) | {"taxonomy": taxonomy, "labels": said}
