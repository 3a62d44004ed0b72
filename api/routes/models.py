"""`/v1/models` and `/v1/shadow`: which model answers, which one runs beside it, and how it came to that."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api import model_schemas as schemas
from api.deps import BodyDep, CallerDep, LimitParam, LiveDep, MemoryDep, ModelsDep, decode_json
from api.memory import Memory
from classifier.errors import InvalidInput, ModelFixed, ReboundError, Unauthorized
from classifier.feedback.learned import restore_released
from classifier.registry import CHALLENGER, CHAMPION, ModelShelf
from classifier.store import Compared, Difference, ModelRepository, ShadowRepository
from classifier.store.models import RETIRED
from classifier.store.tables import ModelVersionRow

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[ModelsDep])
log = structlog.get_logger()
_MOST_WORDS = 300


@router.get("/models", response_model=schemas.ModelsOut)
def models(live: LiveDep, memory: MemoryDep, _: CallerDep, limit: LimitParam = 100) -> JSONResponse:
    """Tell which model answers, which runs beside it, which there are, and every promotion and roll-back."""
    shelf, history = live.shelf, live.shelf.history()
    document = {
        "follows": live.follows,
        "champion": {
            "model": live.parts.predictor.label,
            **_pointed(shelf, CHAMPION),
            "refused": live.refused,
        },
        "challenger": {
            **_pointed(shelf, CHALLENGER),
            "running": live.shadow.label is not None,
            "refused": live.shadow.refused or shelf.refused(CHALLENGER),
        },
        "shelf": shelf.labels(),
        "history": [asdict(move) for move in history[: -limit - 1 : -1]],
        "registered": _registered(memory, limit),
    }
    return JSONResponse(document)


@router.post("/models/rollback", openapi_extra=schemas.rollback_body(), response_model=schemas.RolledBackOut)
def rollback(body: BodyDep, live: LiveDep, memory: MemoryDep, caller: CallerDep) -> JSONResponse:
    """Let the champion before answer again, everywhere within two seconds. A second roll-back goes one further back.

    Only for keys that may use all taxonomies. Where the models of a tracking server are followed, move the alias there.
    """
    if caller.only is not None:
        raise Unauthorized("this key may not decide which model answers for all")
    if live.follows != "shelf":
        raise ModelFixed(
            "REBOUND_BUNDLE_DIR names the model that answers"
            if live.fixed
            else "the tracking server's alias decides: move it back there"
        )
    document = decode_json(body) if body.strip() else {}
    why = document.get("why", "") if isinstance(document, dict) else None
    if not isinstance(why, str) or len(why) > _MOST_WORDS or set(document) - {"why"}:
        raise InvalidInput(f'the body must be {{"why": a string of at most {_MOST_WORDS} characters}} or empty')
    before = live.shelf.label_or_none(CHAMPION)
    champion = live.shelf.rollback(CHAMPION, why=why or f"rolled back over HTTP by {caller.who or 'anonymous'}")
    _note(memory, champion)
    return JSONResponse({"before": before, "champion": champion})


@router.get("/shadow", response_model=schemas.ShadowOut)
def shadow(live: LiveDep, memory: MemoryDep, caller: CallerDep, limit: LimitParam = 100) -> JSONResponse:
    """Show where the challenger would answer otherwise: first what only it suppresses, then what is most frequent.

    The counts are of all processes, and some seconds old. The templates come from all tenants: only a key that may use all
    taxonomies sees them.
    """
    champion, challenger = live.parts.predictor.label, live.shelf.label_or_none(CHALLENGER)
    with memory.store.reading() as session:
        repository = ShadowRepository(session)
        compared = repository.compared(champion, challenger or "")
        differences = repository.list(champion, challenger or "", limit) if caller.only is None else []
    document = {
        "champion": champion,
        "challenger": challenger,
        "running": live.shadow.label is not None,
        "refused": live.shadow.refused or live.shelf.refused(CHALLENGER),
        **_compared(compared),
        "dropped": live.shadow.dropped,
        "differences": [_difference(difference) for difference in differences],
    }
    return JSONResponse(document)


def _pointed(shelf: ModelShelf, alias: str) -> dict[str, str | None]:
    moves = shelf.history(alias)
    return {"pointed": shelf.label_or_none(alias), "since": moves[-1].when if moves else None}


def _registered(memory: Memory, limit: int) -> list[dict[str, Any]] | None:
    try:
        with memory.store.reading() as session:
            return [_model(row) for row in ModelRepository(session).list(limit)]
    except ReboundError:
        return None


def _model(row: ModelVersionRow) -> dict[str, Any]:
    return {
        "model": row.label,
        "state": row.state,
        "bundle_sha256": row.bundle_sha256,
        "registry_version": row.registry_version,
        "objections": row.objections,
        "figures": row.figures,
        "created_at": row.created_at.isoformat(),
        "changed_at": row.changed_at.isoformat(),
    }


def _note(memory: Memory, champion: str | None) -> None:
    """Note in the store which model answers now, and set the pins again that were released for the one that goes.

    A store that is away keeps nobody from rolling back.
    """
    now = datetime.now(UTC)
    try:
        with memory.store.session() as session:
            repository = ModelRepository(session)
            before = repository.champion()
            if champion is not None and repository.get(champion) is not None:
                repository.set_state(champion, "champion", now)
            elif before is not None:
                repository.set_state(before.label, RETIRED, now)
            if before is not None:
                restore_released(session, before.label, now)
    except ReboundError as error:
        log.error("rollback_not_noted", reason=str(error), consequence="the model answers all the same")


def _compared(compared: Compared) -> dict[str, Any]:
    def count(templates: int, failures: int) -> dict[str, int]:
        return {"templates": templates, "failures": failures}

    return {
        "compared": count(compared.templates, compared.failures),
        "agree": count(
            compared.templates - compared.differing_templates, compared.failures - compared.differing_failures
        ),
        "differ": count(compared.differing_templates, compared.differing_failures),
        "would_suppress": count(compared.suppressing_templates, compared.suppressing_failures),
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "template_id": difference.template_id,
        "template": difference.text,
        "failures": difference.n,
        "last_seen": difference.last_seen.isoformat(),
        "champion": {"category": difference.champion_category, "action": difference.champion_action},
        "challenger": {"category": difference.challenger_category, "action": difference.challenger_action},
    }
