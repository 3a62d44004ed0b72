"""`/v1/feedback` and what people work from: the queue of templates, labels, conflicts."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api import feedback_schemas as schemas
from api.deps import (
    AsideDep,
    BodyDep,
    CallerDep,
    DeskDep,
    LimitParam,
    MemoryDep,
    MetricsDep,
    SettingsDep,
    TaxonomyDep,
    decode_json,
)
from api.labels import conflict_document, error_document, label_document, queued_document, result_document
from api.memory import Memory
from classifier.errors import InvalidInput, MessageTooLarge, ReboundError
from classifier.feedback.desk import FeedbackDesk
from classifier.request_ids import TEMPLATE_ID_PATTERN
from classifier.store import FeedbackRepository, LabelRepository, TrafficRepository

router = APIRouter(prefix="/v1", tags=["feedback"], dependencies=[AsideDep])
_LOOK_SECONDS = 0.25
_MOST_PATIENCE = 6.0
"""Seconds that feedback waits at most for a template that another process has answered and not yet stored."""


@router.post("/feedback", openapi_extra=schemas.feedback_body(), response_model=schemas.FeedbackOut)
async def feedback(
    body: BodyDep, desk: DeskDep, memory: MemoryDep, metrics: MetricsDep, settings: SettingsDep, caller: CallerDep
) -> JSONResponse:
    """Say what answers should have been: one object, or an array of them.

    In an array, an item that is refused is answered in its place with `{"error": problem document}`; the rest is taken.
    """
    document = decode_json(body)
    single = isinstance(document, dict)
    documents = [document] if single else document
    if not isinstance(documents, list):
        raise InvalidInput("the body must be an object or an array of objects")
    if len(documents) > settings.max_batch_items:
        raise MessageTooLarge(f"{len(documents)} items, the limit is {settings.max_batch_items}")
    await _settled(desk, memory, documents, patience=min(settings.flush_seconds + 1, _MOST_PATIENCE))
    results = await run_in_threadpool(desk.give, documents, caller, source="http")
    for result in results:
        metrics.feedback.labels("refused" if isinstance(result, ReboundError) else result.state).inc()
    if single and isinstance(results[0], ReboundError):
        raise results[0]
    answers = [error_document(r) if isinstance(r, ReboundError) else result_document(r) for r in results]
    waits = [r.retry_after_s for r in results if isinstance(r, ReboundError) and r.retry_after_s]
    headers = {"Retry-After": str(max(waits))} if waits else None
    return JSONResponse(answers[0] if single else answers, headers=headers)


async def _settled(desk: FeedbackDesk, memory: Memory, documents: list[Any], *, patience: float) -> None:
    """Wait until the templates of request ids are stored: whoever corrects an answer at once may reach another process.

    It holds no thread meanwhile.
    """
    named = [d for d in documents if isinstance(d, dict) and ("request_id" in d or "template_id" in d)]
    if not named or not await run_in_threadpool(desk.unknown, named):
        return
    await run_in_threadpool(memory.flush)
    named = [document for document in named if "request_id" in document]
    until = time.monotonic() + patience
    while await run_in_threadpool(desk.unknown, named) and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)


@router.get("/templates", response_model=list[schemas.QueuedOut])
def templates(memory: MemoryDep, taxonomy: TaxonomyDep, limit: LimitParam = 100) -> JSONResponse:
    """List templates that nobody has judged, those first whose failures are most often answered in doubt."""
    with memory.store.reading() as session:
        queue = TrafficRepository(session).queue(taxonomy, limit)
    return JSONResponse([queued_document(queued) for queued in queue])


@router.get("/labels", response_model=list[schemas.LabelRowOut])
def labels(
    memory: MemoryDep,
    taxonomy: TaxonomyDep,
    template_id: Annotated[str | None, Query(pattern=TEMPLATE_ID_PATTERN, description="Of this template only.")] = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Only those with a lower label_id: to page on.")
    ] = None,
    limit: LimitParam = 100,
) -> JSONResponse:
    """List what people have said, the newest first, with the state of the batch that it came in with."""
    with memory.store.reading() as session:
        rows = FeedbackRepository(session).recent(taxonomy, limit, template_id=template_id, before_id=before)
        return JSONResponse([label_document(label, batch) for label, batch in rows])


@router.get("/conflicts", response_model=list[schemas.ConflictOut])
def conflicts(memory: MemoryDep, taxonomy: TaxonomyDep, limit: LimitParam = 100) -> JSONResponse:
    """List templates on which people disagree without a majority: they are neither pinned nor learned from."""
    with memory.store.reading() as session:
        found = LabelRepository(session).conflicts(taxonomy)
    return JSONResponse([conflict_document(conflict) for conflict in found[:limit]])
