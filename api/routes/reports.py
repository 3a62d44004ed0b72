"""`/v1/reports`: a raw email in, a verdict per recipient out."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api import schemas
from api.deps import BodyDep, ChooserDep, MetricsDep, PartsDep, VocabularyDep
from api.problems import UnsupportedMediaType
from classifier.answers import to_document
from classifier.errors import InvalidInput
from classifier.request_ids import request_id

router = APIRouter(prefix="/v1/reports", tags=["classify"])
_MEDIA = frozenset({"message/rfc822", "message/global", "application/octet-stream"})


@router.post("", openapi_extra=schemas.email_body(), response_model=schemas.ReportOut)
def report(
    body: BodyDep,
    request: Request,
    parts: PartsDep,
    metrics: MetricsDep,
    vocabulary: VocabularyDep,
    caller: ChooserDep,
) -> JSONResponse:
    """Classify a raw bounce email: one verdict for each recipient that it reports."""
    media = request.headers.get("content-type", "message/rfc822").partition(";")[0].strip().lower()
    if media not in _MEDIA:
        raise UnsupportedMediaType("Content-Type must be message/rfc822")
    if not body.strip():
        raise InvalidInput("the body is empty: send the raw email")
    under = parts.pipeline.under(caller.default)
    with metrics.seconds.time():
        outcome = parts.pipeline.classify_email(body, under)
    metrics.count(list(outcome.answers))
    verdicts = [
        {"request_id": request_id(answer)} | to_document(answer, vocabulary=vocabulary) for answer in outcome.answers
    ]
    return JSONResponse({"verdicts": verdicts, "defects": list(outcome.defects)})
