"""`/v1/pins`: what people have said and holds now, and the trail of how that came about."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from api import feedback_schemas as schemas
from api.deps import AsideDep, CallerDep, DeskDep, LimitParam, MemoryDep, TaxonomyDep
from api.labels import event_document, pin_document
from classifier.custom.draft import STANDARD
from classifier.errors import TemplateNotFound
from classifier.feedback.items import person
from classifier.request_ids import TEMPLATE_ID_PATTERN
from classifier.store import FeedbackRepository, PinRepository

router = APIRouter(prefix="/v1/pins", tags=["feedback"], dependencies=[AsideDep])
TemplateIdParam = Annotated[str, Path(pattern=TEMPLATE_ID_PATTERN)]
ByParam = Annotated[str | None, Query(description="Your name; not looked at where there are API keys.")]


@router.get("", response_model=list[schemas.PinOut])
def listed(memory: MemoryDep, taxonomy: TaxonomyDep, limit: LimitParam = 100) -> JSONResponse:
    """List the pins that hold, the newest first."""
    with memory.store.reading() as session:
        active = PinRepository(session).active(datetime.now(UTC)).values()
        pins = sorted((pin for pin in active if pin.taxonomy == taxonomy), key=lambda pin: pin.at, reverse=True)[:limit]
        texts = FeedbackRepository(session).texts({pin.template_id for pin in pins})
    return JSONResponse([pin_document(pin, texts.get(pin.template_id)) for pin in pins])


@router.get("/{template_id}", response_model=schemas.TrailOut)
def trail(template_id: TemplateIdParam, memory: MemoryDep, caller: CallerDep) -> JSONResponse:
    """Tell all that was ever pinned and unpinned for a template, the oldest first."""
    with memory.store.reading() as session:
        text = FeedbackRepository(session).texts({template_id}).get(template_id)
        events = PinRepository(session).history(template_id)
    if text is None:
        raise TemplateNotFound("no template of this id is stored")
    shown = [event for event in events if caller.only in (None, event.taxonomy) or event.taxonomy == STANDARD]
    return JSONResponse(
        {"template_id": template_id, "template": text, "events": [event_document(event) for event in shown]}
    )


@router.delete("/{template_id}", status_code=204)
def removed(
    template_id: TemplateIdParam,
    desk: DeskDep,
    taxonomy: TaxonomyDep,
    caller: CallerDep,
    why: Annotated[str, Query(max_length=300, description="Reason, for the trail.")] = "removed",
    by: ByParam = None,
) -> Response:
    """Remove a pin: the model answers again. Labels stay; the next new label may pin again."""
    desk.unpin(template_id, taxonomy, who=caller.named(person(by)), why=why)
    return Response(status_code=204)
