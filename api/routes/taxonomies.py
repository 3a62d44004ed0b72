"""`/v1/taxonomies`: categories that users define, as versioned data."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api import schemas
from api.deps import AsideDep, BodyDep, CallerDep, PartsDep, decode_json
from api.drafts import decode_draft, draft_of, whole_number
from classifier.custom import findings as found
from classifier.custom.draft import OTHER, STANDARD, Draft, read_toml, resolve, to_document
from classifier.custom.lint import ERROR, lint
from classifier.custom.migrate import migrate, read_mapping
from classifier.custom.store import Meta
from classifier.errors import InvalidInput, InvalidTaxonomy, MessageTooLarge, TaxonomyNotFound
from classifier.preview import failures_of, preview
from classifier.preview import to_document as preview_document
from classifier.taxonomy import Taxonomy

router = APIRouter(prefix="/v1/taxonomies", tags=["taxonomies"], dependencies=[AsideDep])
MOST_TEXTS = 10_000
LastParam = Annotated[int, Query(ge=1, le=MOST_TEXTS, description="Templates that this process saw last.")]
VersionParam = Annotated[int | None, Query(ge=1, description="Another version than the one in use.")]


@router.get("")
def listed(parts: PartsDep, caller: CallerDep) -> JSONResponse:
    """List the taxonomies that the caller may use, the standard one first."""
    store = parts.catalogue.store
    mine = [name for name in store.names() if caller.only in (None, name)]
    standard = parts.pipeline.taxonomy
    head = {"name": STANDARD, "version": standard.version, "categories": len(standard.categories)}
    return JSONResponse([head, *({"name": name} | _summary(store.meta(name, store.current(name))) for name in mine)])


@router.post("/validate", openapi_extra=schemas.taxonomy_body())
def validate(body: BodyDep, parts: PartsDep, _: CallerDep) -> JSONResponse:
    """Check a draft without publishing it: what is wrong, and where."""
    try:
        draft, _text = decode_draft(body, parts.catalogue.standard)
    except InvalidTaxonomy as error:
        faults = [
            {"level": ERROR, "code": "schema", "place": place, "message": message}
            for place, message in (_split(fault) for fault in str(error).split("; "))
        ]
        return JSONResponse({"valid": False, "findings": faults})
    findings = lint(draft, parts.catalogue.standard)
    valid = not any(finding.level == ERROR for finding in findings)
    return JSONResponse({"valid": valid, "findings": found.to_documents(findings)})


def _split(fault: str) -> tuple[str, str]:
    place, _, message = fault.rpartition(": ")
    return place, message


@router.get("/{name}")
def whole(name: str, parts: PartsDep, caller: CallerDep, version: VersionParam = None) -> JSONResponse:
    """Return a taxonomy as published, with the policy of each category filled in."""
    if caller.allowed(name) == STANDARD:
        standard = parts.pipeline.taxonomy
        return JSONResponse({"name": STANDARD, "version": standard.version, "policies": _policies(standard)})
    store = parts.catalogue.store
    number = version or store.current(name)
    text = store.text(name, number)
    draft = read_toml(text, parts.catalogue.standard, name=name)
    taxonomy = resolve(draft, str(number), parts.catalogue.standard)
    document = {"name": name} | _summary(store.meta(name, number)) | {"toml": text, "document": to_document(draft)}
    return JSONResponse(document | {"policies": _policies(taxonomy)})


@router.put("/{name}", status_code=201, openapi_extra=schemas.taxonomy_body())
def publish(name: str, body: BodyDep, parts: PartsDep, caller: CallerDep) -> JSONResponse:
    """Publish a draft as the next version: learned in seconds, in use everywhere within two."""
    _own(name, caller.allowed(name))
    draft, text = decode_draft(body, parts.catalogue.standard, name=name)
    findings = lint(draft, parts.catalogue.standard)
    found.refuse_errors(findings)
    fitted = parts.catalogue.fit(draft)
    meta = parts.catalogue.publish(draft, fitted, text)
    shown = found.to_documents([*findings, *found.of_fit(fitted)])
    return JSONResponse({"name": name} | _summary(meta) | {"findings": shown}, status_code=201)


@router.delete("/{name}", status_code=204)
def delete(name: str, parts: PartsDep, caller: CallerDep) -> Response:
    """Delete a taxonomy with all its versions; their numbers are never given again."""
    _own(name, caller.allowed(name))
    parts.catalogue.store.delete(name)
    return Response(status_code=204)


@router.get("/{name}/versions")
def versions(name: str, parts: PartsDep, caller: CallerDep) -> JSONResponse:
    """List a taxonomy's versions, the oldest first, and which one is in use."""
    store = parts.catalogue.store
    current = store.current(caller.allowed(name))
    lines = [_summary(meta) | {"current": meta.version == current} for meta in store.versions(name)]
    return JSONResponse(lines)


@router.post("/{name}/rollback", openapi_extra=schemas.rollback_body())
def rollback(name: str, body: BodyDep, parts: PartsDep, caller: CallerDep) -> JSONResponse:
    """Use an earlier version again: `{"version": N}`, or the one before the current for an empty body."""
    _own(name, caller.allowed(name))
    document = decode_json(body) if body.strip() else {}
    if not isinstance(document, dict) or set(document) - {"version"}:
        raise InvalidInput('the body must be {"version": N} or empty')
    version = document.get("version")
    if version is not None:
        whole_number(version, "version", least=1, most=2**31)
    store = parts.catalogue.store
    return JSONResponse({"name": name} | _summary(store.meta(name, store.rollback(name, version))))


@router.post("/{name}/preview", openapi_extra=schemas.preview_body())
def previewed(name: str, body: BodyDep, parts: PartsDep, caller: CallerDep, last: LastParam = 1_000) -> JSONResponse:
    """Show what a draft would change: on the texts that are sent, or on the last templates that this process saw."""
    _own(name, caller.allowed(name))
    draft, texts = _preview_input(body, parts.catalogue.standard, name)
    findings = lint(draft, parts.catalogue.standard)
    fitted = parts.catalogue.fit(draft)
    try:
        current = parts.pipeline.under(name)
    except TaxonomyNotFound:
        current = None
    failures = failures_of(parts.predictor.recent(last) if texts is None else texts)
    shown = preview(parts.pipeline, failures, current=current, draft=parts.catalogue.tailored(draft, fitted))
    findings_shown = found.to_documents([*findings, *found.of_fit(fitted)])
    return JSONResponse(preview_document(shown) | {"fit_seconds": round(fitted.seconds, 3), "findings": findings_shown})


def _preview_input(body: bytes, standard: Taxonomy, name: str) -> tuple[Draft, list[str] | None]:
    if body.lstrip().startswith(b"{"):
        document = decode_json(body)
        if "taxonomy" in document:
            texts = document.get("texts")
            if texts is not None and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
                raise InvalidInput("texts: must be a list of strings")
            if texts is not None and len(texts) > MOST_TEXTS:
                raise MessageTooLarge(f"{len(texts)} texts, the limit is {MOST_TEXTS}")
            return draft_of(document["taxonomy"], standard, name=name), texts
    return decode_draft(body, standard, name=name)[0], None


@router.post("/{name}/migrate", openapi_extra=schemas.migrate_body())
def migrated(name: str, body: BodyDep, parts: PartsDep, caller: CallerDep) -> JSONResponse:
    """Carry labels of an older version over to the one in use; what cannot be is listed for relabelling."""
    store = parts.catalogue.store
    current = store.current(caller.allowed(name))
    draft = read_toml(store.text(name, current), parts.catalogue.standard, name=name)
    document = decode_json(body)
    if not isinstance(document, dict) or not isinstance(document.get("labels"), list):
        raise InvalidInput('the body must be {"mapping": {...}, "labels": [...]}')
    categories = {OTHER, *(category.id for category in draft.categories)}
    mapping = read_mapping(document.get("mapping", {}), categories)
    done = migrate(document["labels"], mapping, categories)
    return JSONResponse({"taxonomy": f"{name}/{current}", "carried": list(done.carried), "relabel": list(done.relabel)})


def _summary(meta: Meta) -> dict[str, Any]:
    return asdict(meta)


def _policies(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    return [asdict(category) for category in taxonomy.categories]


def _own(name: str, allowed: str) -> None:
    if STANDARD in (name, allowed):
        raise InvalidInput("the standard taxonomy ships with the model: publish one of your own")
