"""What routes are given: FastAPI's injection lives here and nowhere else."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from api.callers import Caller, identify
from api.live import Live
from api.memory import Memory
from api.metrics import Metrics
from api.watch import Watch
from classifier.bootstrap import Parts
from classifier.crosswalks import crosswalk
from classifier.custom.draft import STANDARD
from classifier.errors import InvalidInput
from classifier.feedback.desk import FeedbackDesk
from classifier.settings import Settings


async def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


async def _parts(live: Annotated[Live, Depends(_live)]) -> Parts:
    """What answers now: a request takes it once, and so is answered by one model from beginning to end."""
    return live.parts


async def _memory(request: Request) -> Memory:
    memory: Memory = request.app.state.memory
    return memory


async def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


async def _body(request: Request) -> bytes:
    return await request.body()


async def _vocabulary(
    vocabulary: Annotated[
        str | None, Query(description="Answer in this crosswalk's labels, too: see /v1/crosswalks.")
    ] = None,
) -> str | None:
    if vocabulary is not None:
        crosswalk(vocabulary)
    return vocabulary


async def _caller(
    request: Request,
    x_api_key: Annotated[str | None, Header(description="Needed where REBOUND_API_KEYS is set.")] = None,
) -> Caller:
    return identify(request.app.state.keys, x_api_key)


async def _chooser(
    caller: Annotated[Caller, Depends(_caller)],
    taxonomy: Annotated[
        str | None, Query(description="Taxonomy for records that name none: see /v1/taxonomies.")
    ] = None,
) -> Caller:
    return caller.under(taxonomy)


def _taxonomy(
    caller: Annotated[Caller, Depends(_caller)],
    parts: Annotated[Parts, Depends(_parts)],
    taxonomy: Annotated[str | None, Query(description="Name of a taxonomy; the key's by default.")] = None,
) -> str:
    name = caller.chosen(taxonomy)
    parts.pipeline.under(name)
    return name or STANDARD


async def _desk(
    memory: Annotated[Memory, Depends(_memory)],
    parts: Annotated[Parts, Depends(_parts)],
    settings: Annotated[Settings, Depends(_settings)],
) -> FeedbackDesk:
    return FeedbackDesk(
        memory.store,
        parts.pipeline,
        memory.pins,
        labels_per_hour=settings.labels_per_hour,
        pin_days=settings.pin_days,
    )


async def _place() -> AsyncIterator[None]:
    """One of the places for requests that wait for the database or work for seconds.

    They share the threads with classification: a database that hangs must leave most of those free for it.
    """
    yield


AsideDep = Depends(_place, scope="function", max_concurrency=12)
"""For routers whose requests are not classification; AnyIO has 40 threads for all."""
ModelsDep = Depends(_place, scope="function", max_concurrency=4)
"""Likewise, apart from the others: whoever rolls back does not wait behind feedback that waits for the database."""
LiveDep = Annotated[Live, Depends(_live)]
PartsDep = Annotated[Parts, Depends(_parts)]
MemoryDep = Annotated[Memory, Depends(_memory)]
WatchDep = Annotated[Watch, Depends(_watch)]
DeskDep = Annotated[FeedbackDesk, Depends(_desk)]
SettingsDep = Annotated[Settings, Depends(_settings)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
BodyDep = Annotated[bytes, Depends(_body)]
CallerDep = Annotated[Caller, Depends(_caller)]
ChooserDep = Annotated[Caller, Depends(_chooser)]
TaxonomyDep = Annotated[str, Depends(_taxonomy)]
LimitParam = Annotated[int, Query(ge=1, le=1_000, description="Most that are returned.")]
VocabularyDep = Annotated[str | None, Depends(_vocabulary)]


def decode_json(body: bytes) -> Any:
    """Decode a JSON body.

    Raises:
        InvalidInput: It is no JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        # The position helps; the text itself may hold an address and stays out of the answer.
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInput(f"the body is not JSON{place}") from error
