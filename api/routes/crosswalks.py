"""`/v1/crosswalks`: other systems' labels against the standard categories."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse

from api import schemas
from classifier.crosswalks import crosswalk, summary, table, vocabularies
from classifier.errors import UnknownVocabulary

router = APIRouter(prefix="/v1/crosswalks", tags=["crosswalks"])


@router.get("", response_model=list[schemas.CrosswalkHead])
def listed() -> JSONResponse:
    """List the vocabularies that answers can be given in."""
    return JSONResponse([summary(crosswalk(name)) for name in vocabularies()])


@router.get("/{name}", response_model=schemas.CrosswalkOut)
def whole(name: str) -> JSONResponse:
    """Return one vocabulary's table, both ways."""
    try:
        return JSONResponse(table(crosswalk(name)))
    except UnknownVocabulary as error:
        raise HTTPException(404, str(error)) from error
