"""Errors as problem documents (RFC 9457): the only table from a stable code to an HTTP status."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from classifier.errors import ReboundError

log = structlog.get_logger()

STATUS = {
    "invalid_input": 400,
    "unreadable_input": 400,
    "unknown_vocabulary": 400,
    "unknown_category": 400,
    "unauthorized": 401,
    "second_person_needed": 403,
    "not_found": 404,
    "taxonomy_not_found": 404,
    "batch_not_found": 404,
    "template_not_found": 404,
    "pin_not_found": 404,
    "model_not_found": 404,
    "method_not_allowed": 405,
    "model_conflict": 409,
    "model_fixed": 409,
    "promotion_refused": 409,
    "retraining_busy": 409,
    "lease_lost": 409,
    "review_refused": 409,
    "message_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_taxonomy": 422,
    "too_many_labels": 429,
    "bundle_refused": 503,
    "registry_unavailable": 503,
    "store_unavailable": 503,
    "store_refused": 503,
    "invalid_crosswalk": 500,
    "internal_error": 500,
}
_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "message_too_large", 415: "unsupported_media_type"}
TITLES = {
    "invalid_input": "The request is not of the documented form",
    "unreadable_input": "The input could not be read",
    "unknown_vocabulary": "There is no vocabulary of this name",
    "unknown_category": "The taxonomy has no such category",
    "second_person_needed": "A second person has to look at this",
    "unauthorized": "The request carries no valid API key",
    "not_found": "There is nothing at this path",
    "taxonomy_not_found": "There is no such taxonomy",
    "template_not_found": "There is no such template",
    "pin_not_found": "There is no such pin",
    "too_many_labels": "This is more feedback than an hour allows",
    "batch_not_found": "There is no such batch of feedback",
    "model_not_found": "There is no such model",
    "model_fixed": "Which model answers is decided elsewhere",
    "promotion_refused": "The gate objects to this model",
    "retraining_busy": "Another retraining runs",
    "lease_lost": "A retraining lost its lease",
    "model_conflict": "Another model has this label",
    "method_not_allowed": "This path does not take this method",
    "review_refused": "This batch is not yours to review",
    "message_too_large": "The request exceeds a limit",
    "unsupported_media_type": "The body's Content-Type is not one this path takes",
    "invalid_taxonomy": "The taxonomy breaks a rule",
    "registry_unavailable": "The tracking server does not answer",
    "bundle_refused": "The model bundle cannot be used",
    "store_unavailable": "The database does not answer",
    "store_refused": "The database cannot be used",
    "invalid_crosswalk": "A crosswalk file breaks a rule",
    "internal_error": "A fault of ours; the log has the details",
}


class UnsupportedMediaType(ReboundError):
    """The body's Content-Type is not one that this path takes."""

    code = "unsupported_media_type"


def problem(code: str, detail: str) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": f"urn:rebound:problem:{code}",
        "title": TITLES[code],
        "status": STATUS[code],
        "code": code,
        "detail": detail,
    }


def _answer(code: str, detail: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        problem(code, detail), status_code=STATUS[code], media_type="application/problem+json", headers=headers
    )


def install(app: FastAPI) -> None:
    """Make every error of the app leave as a problem document."""

    @app.exception_handler(ReboundError)
    async def _ours(_: Request, error: ReboundError) -> JSONResponse:
        wait = error.retry_after_s
        headers = None if wait is None else {"Retry-After": str(wait)}
        return _answer(error.code, str(error), headers=headers)

    @app.exception_handler(RequestValidationError)
    async def _validation(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return _answer("invalid_input", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        code = _CODE_OF_STATUS.get(error.status_code, "invalid_input" if error.status_code < 500 else "internal_error")
        return _answer(code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def _gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody hears it

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen_error", path=request.url.path, error=type(error).__name__)
        return _answer("internal_error", "the request was not carried out; the log has the details")
