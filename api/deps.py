"""What routes are given: FastAPI's injection lives here and nowhere else."""

import json
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from api.metrics import Metrics
from classifier.bootstrap import Parts
from classifier.crosswalks import crosswalk
from classifier.errors import InvalidInput
from classifier.settings import Settings


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _metrics(request: Request) -> Metrics:
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


PartsDep = Annotated[Parts, Depends(_parts)]
SettingsDep = Annotated[Settings, Depends(_settings)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
BodyDep = Annotated[bytes, Depends(_body)]
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
