"""`/v1/classify` and `/v1/classify/batch`: records in, verdicts out."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from api import schemas
from api.callers import Caller
from api.deps import BodyDep, ChooserDep, LiveDep, MetricsDep, PartsDep, SettingsDep, VocabularyDep, decode_json
from api.live import Live
from api.metrics import Metrics
from api.problems import UnsupportedMediaType, problem
from classifier.answers import to_document
from classifier.custom.catalogue import Tailored
from classifier.domain import Failure
from classifier.errors import InvalidInput, MessageTooLarge, ReboundError
from classifier.pipeline import Pipeline
from classifier.record import Record, is_text, read_record
from classifier.request_ids import request_id

router = APIRouter(prefix="/v1/classify", tags=["classify"])
NDJSON = "application/x-ndjson"
MAX_LINE_BYTES = 1_048_576
_LINES = 64
"""NDJSON lines that are answered together: the model is quicker on some dozens, a client waits for no more."""


class _Answers(StreamingResponse):
    """A stream of answers to a body that is still being read.

    Starlette listens for the client's leaving meanwhile, on the same channel that the body comes by, and so takes parts of
    the body away. Here the body's reader is the only one, and notices the leaving itself.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002, the signature is Starlette's
        """Send the answers as they come; a client that leaves ends them."""
        try:
            await self.stream_response(send)
        except (ClientDisconnect, OSError):
            return


@router.post("", openapi_extra=schemas.body(schemas.RecordIn), response_model=schemas.VerdictOut)
def classify(
    body: BodyDep, parts: PartsDep, metrics: MetricsDep, vocabulary: VocabularyDep, caller: ChooserDep
) -> JSONResponse:
    """Classify one record of codes and text."""
    # def, not async def: inference holds the CPU, so FastAPI lends a thread.
    record = read_record(decode_json(body), vocabulary=vocabulary)
    under = parts.pipeline.under(caller.chosen(record.taxonomy))
    return JSONResponse(_answered(parts.pipeline, metrics, [record], [under])[0])


@router.post("/batch", openapi_extra=schemas.batch_body(), response_model=list[schemas.VerdictOut])
async def classify_batch(
    request: Request,
    live: LiveDep,
    metrics: MetricsDep,
    settings: SettingsDep,
    vocabulary: VocabularyDep,
    caller: ChooserDep,
) -> Response:
    """Classify many records: an array, or NDJSON in and out as a stream of any length.

    A record that cannot be read is answered in its place with `{"id", "error": problem document}`; the rest goes on.
    """
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media == NDJSON:
        return _Answers(_stream(request, live, metrics, vocabulary, caller), media_type=NDJSON)
    if media != "application/json":
        raise UnsupportedMediaType(f"Content-Type must be application/json or {NDJSON}")
    documents = decode_json(await request.body())
    if not isinstance(documents, list):
        raise InvalidInput("the body must be an array of records")
    if len(documents) > settings.max_batch_items:
        raise MessageTooLarge(f"{len(documents)} records, the limit is {settings.max_batch_items}; NDJSON has none")
    numbered = list(enumerate(documents, 1))
    return JSONResponse(await run_in_threadpool(_batch, live.parts.pipeline, metrics, numbered, vocabulary, caller))


async def _stream(
    request: Request, live: Live, metrics: Metrics, vocabulary: str | None, caller: Caller
) -> AsyncIterator[bytes]:
    # A stream may last for days: each chunk is answered by the model that is in use when it comes.
    pending: list[tuple[int, Any]] = []
    async for number, line in _lines(request):
        pending.append((number, line))
        if len(pending) >= _LINES:
            yield await run_in_threadpool(_answer_lines, live.parts.pipeline, metrics, pending, vocabulary, caller)
            pending = []
    if pending:
        yield await run_in_threadpool(_answer_lines, live.parts.pipeline, metrics, pending, vocabulary, caller)


async def _lines(request: Request) -> AsyncIterator[tuple[int, bytes | MessageTooLarge]]:
    """Yield numbered lines of the body; one that is too long yields its error and is skipped without being kept."""
    rest, number, skipping = b"", 0, False
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if not skipping and line.strip():
                yield number, line if len(line) <= MAX_LINE_BYTES else _too_long()
            skipping = False
        if len(rest) > MAX_LINE_BYTES:
            if not skipping:
                yield number + 1, _too_long()
            rest, skipping = b"", True
    if rest.strip() and not skipping:
        yield number + 1, rest


def _too_long() -> MessageTooLarge:
    return MessageTooLarge(f"line longer than {MAX_LINE_BYTES} octets")


def _answer_lines(
    pipeline: Pipeline, metrics: Metrics, lines: list[tuple[int, Any]], vocabulary: str | None, caller: Caller
) -> bytes:
    def decoded() -> Iterator[tuple[int, Any]]:
        for number, line in lines:
            if isinstance(line, ReboundError):
                yield number, line
                continue
            try:
                yield number, decode_json(line)
            except ReboundError as error:
                yield number, error

    documents = _batch(pipeline, metrics, list(decoded()), vocabulary, caller)
    return b"".join(json.dumps(document, ensure_ascii=False).encode() + b"\n" for document in documents)


def _batch(
    pipeline: Pipeline, metrics: Metrics, numbered: list[tuple[int, Any]], vocabulary: str | None, caller: Caller
) -> list[dict[str, Any]]:
    read = [(number, document, _read(document, pipeline, vocabulary, caller)) for number, document in numbered]
    whole = [found for _, _, found in read if not isinstance(found, ReboundError)]
    answered = iter(_answered(pipeline, metrics, [record for record, _ in whole], [under for _, under in whole]))
    out = []
    for number, document, found in read:
        if isinstance(found, ReboundError):
            identity = document.get("id") if isinstance(document, dict) else None
            plain = isinstance(identity, int) or (isinstance(identity, str) and is_text(identity))
            named = identity if plain and not isinstance(identity, bool) else number
            out.append({"id": named, "error": problem(found.code, str(found))})
        else:
            out.append({"id": number} | next(answered))
    return out


def _read(
    document: Any, pipeline: Pipeline, vocabulary: str | None, caller: Caller
) -> tuple[Record, Tailored | None] | ReboundError:
    if isinstance(document, ReboundError):
        return document
    try:
        record = read_record(document, vocabulary=vocabulary)
        return record, pipeline.under(caller.chosen(record.taxonomy))
    except ReboundError as error:
        return error


def _answered(
    pipeline: Pipeline, metrics: Metrics, records: list[Record], under: list[Tailored | None]
) -> list[dict[str, Any]]:
    failures: list[Failure] = [record.failure for record in records if record.failure]
    with metrics.seconds.time():
        answers = pipeline.classify(failures, under)
    metrics.count(answers)
    return [
        ({} if record.id is None else {"id": record.id})
        | {"request_id": request_id(answer)}
        | to_document(answer, pipeline.explain(answer) if record.explain else None, vocabulary=record.vocabulary)
        for record, answer in zip(records, answers, strict=True)
    ]
