"""`/v1/quarantine`: feedback that contradicts the model wholesale waits here for a second person."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api import feedback_schemas as schemas
from api.callers import Caller
from api.deps import AsideDep, BodyDep, CallerDep, DeskDep, LimitParam, MemoryDep, decode_json
from api.drafts import whole_number
from api.labels import batch_document, error_document, waiting_document
from classifier.custom.draft import STANDARD
from classifier.errors import InvalidInput, ReboundError
from classifier.feedback.items import person
from classifier.store import FeedbackRepository

router = APIRouter(prefix="/v1/quarantine", tags=["feedback"], dependencies=[AsideDep])
_DECISIONS = {"approve": True, "reject": False}
_MOST_BATCHES = 1_000


@router.get("", response_model=list[schemas.WaitingOut])
def waiting(memory: MemoryDep, caller: CallerDep, limit: LimitParam = 100) -> JSONResponse:
    """List the batches that wait, the oldest first, with what they say and what the model said."""
    with memory.store.reading() as session:
        feedback = FeedbackRepository(session)
        batches = feedback.waiting(_seen_by(caller), limit)
        texts = feedback.texts({label.template_id for _, labels in batches for label in labels})
        return JSONResponse([waiting_document(batch, labels, texts) for batch, labels in batches])


@router.post("", openapi_extra=schemas.reviews_body(), response_model=list[schemas.BatchOut])
def review_many(body: BodyDep, desk: DeskDep, caller: CallerDep) -> JSONResponse:
    """Approve or reject several batches; one that cannot be is answered in its place with `{"error": ...}`."""
    document, accept, who = _decision(body, caller, also="batch_ids")
    ids = document.get("batch_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_BATCHES:
        raise InvalidInput(f"batch_ids: must be a list of 1 to {_MOST_BATCHES} numbers")
    numbers = [whole_number(number, "batch_ids", least=1, most=2**31 - 1) for number in ids]
    answers = []
    for number in numbers:
        try:
            batch = desk.review(number, accept=accept, by=who, taxonomies=_seen_by(caller))
            answers.append(batch_document(batch))
        except ReboundError as error:
            answers.append({"batch_id": number} | error_document(error))
    return JSONResponse(answers)


@router.post("/{batch_id}", openapi_extra=schemas.review_body(), response_model=schemas.BatchOut)
def review(batch_id: int, body: BodyDep, desk: DeskDep, caller: CallerDep) -> JSONResponse:
    """Approve or reject a batch; never by the one who gave it. Approved labels are pinned and learned from."""
    _, accept, who = _decision(body, caller)
    number = whole_number(batch_id, "batch_id", least=1, most=2**31 - 1)
    return JSONResponse(batch_document(desk.review(number, accept=accept, by=who, taxonomies=_seen_by(caller))))


def _decision(body: bytes, caller: Caller, *, also: str = "decision") -> tuple[dict[str, Any], bool, str]:
    document = decode_json(body)
    if not isinstance(document, dict) or set(document) - {"decision", "by", also}:
        raise InvalidInput('the body must be {"decision": "approve" or "reject", "by"?}')
    decision = document.get("decision")
    if not isinstance(decision, str) or decision not in _DECISIONS:
        raise InvalidInput('decision: must be "approve" or "reject"')
    return document, _DECISIONS[decision], caller.named(person(document.get("by")))


def _seen_by(caller: Caller) -> set[str] | None:
    return None if caller.only is None else {caller.only, STANDARD}
