"""The HTTP application: what is mounted where, and its life from start to stop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api import problems
from api.bodies import BodyLimit
from api.callers import read_keys
from api.housekeeping import Housekeeping, Step
from api.live import Live
from api.memory import Memory
from api.metrics import Metrics
from api.routes import classify, crosswalks, drift, feedback, health, models, pins, quarantine, reports, taxonomies
from api.watch import Watch
from classifier.settings import Settings

DESCRIPTION = """Tells why a message bounced and what its sender should do.

Every error is a problem document (RFC 9457) with a stable `code`."""


START_SECONDS = 5.0
STOP_SECONDS = 5.0
"""What the steps beside answering may hold up a start and a stop."""


def create_app(settings: Settings, live: Live, memory: Memory, *, beside: Sequence[Sequence[Step]] = ()) -> FastAPI:
    """Return the application around what answers and what remembers.

    Args:
        settings: The service's.
        live: What answers.
        memory: What remembers; its steps are done beside answering.
        beside: More steps that are done beside answering; each sequence has a thread of its own.
    """
    metrics = Metrics(CollectorRegistry())
    watch = Watch(memory, settings.data_dir, metrics.drift)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = Housekeeping(memory.watching(held=metrics.pins.set))
        remembering = Housekeeping([*memory.steps(), _differences(settings, live, memory)])
        others = [Housekeeping(steps) for steps in (*beside, watch.steps())]
        watching.start(patience=START_SECONDS)
        for other in (remembering, *others):
            other.start(patience=0)
        yield
        live.close()
        for housekeeping in (watching, *others, remembering):
            housekeeping.stop(patience=STOP_SECONDS)
        watch.close()
        memory.close()

    app = FastAPI(
        title="Rebound",
        version="1",
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.live = live
    app.state.memory = memory
    app.state.watch = watch
    app.state.keys = read_keys(settings.api_keys)
    app.state.metrics = metrics
    problems.install(app)
    app.include_router(classify.router)
    app.include_router(reports.router)
    app.include_router(feedback.router)
    app.include_router(pins.router)
    app.include_router(quarantine.router)
    app.include_router(drift.router)
    app.include_router(models.router)
    app.include_router(taxonomies.router)
    app.include_router(crosswalks.router)
    app.include_router(health.router)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, streamed=frozenset({"/v1/classify/batch"}))
    return app


def _differences(settings: Settings, live: Live, memory: Memory) -> Step:
    """Return the step that writes where a challenger would have answered otherwise."""
    return Step(
        name="shadow", seconds=settings.flush_seconds, run=lambda: live.shadow.flush(memory.store), at_stop=True
    )
