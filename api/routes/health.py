"""Is it alive, is it ready, what has it done."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.deps import LiveDep, MemoryDep, MetricsDep

router = APIRouter(tags=["health"])


@router.api_route("/healthz", methods=["GET", "HEAD"])
def healthz() -> dict[str, str]:
    """The process answers: restart it if this does not."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=["GET", "HEAD"])
def readyz(live: LiveDep, memory: MemoryDep) -> JSONResponse:
    """Whether bounces can be classified, and by what.

    200 with `status: degraded` while the fallback answers in a refused model's place: answers are poor but safe, and
    taking the instance out of service would leave its callers with none. `reason` says why the model that should answer
    does not, also where another model answers in its place. A store that does not answer is told, and degrades nothing:
    pins stay as they were and counts wait.
    """
    parts = live.parts
    pipeline = parts.pipeline
    document = {
        "status": "ready" if parts.model else "degraded",
        "model": pipeline.predictor.label,
        "taxonomy": pipeline.taxonomy.label,
        "reason": live.refused,
        "store": "unavailable" if memory.reason else "ready",
        "store_reason": memory.reason,
    }
    return JSONResponse(document)


@router.get("/metrics")
def metrics(collected: MetricsDep) -> Response:
    """Metrics in Prometheus's text format."""
    return Response(collected.text(), media_type="text/plain; version=0.0.4")
