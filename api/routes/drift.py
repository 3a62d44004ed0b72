"""`/v1/drift`: what has changed in the traffic."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from api import drift_schemas as schemas
from api.deps import AsideDep, TaxonomyDep, WatchDep
from classifier.drift import RULES, to_document

router = APIRouter(prefix="/v1", tags=["drift"], dependencies=[AsideDep])
DaysParam = Annotated[int, Query(ge=1, le=RULES.month, description="Days up to today in which a change counts as new.")]


@router.get("/drift", response_model=schemas.DriftOut)
async def drift(watch: WatchDep, taxonomy: TaxonomyDep, days: DaysParam = RULES.recent) -> JSONResponse:
    """Compare the last days of every provider with its month before: new wordings, unsure answers, other causes.

    A report is kept for a minute.
    """
    return JSONResponse({"taxonomy": taxonomy} | to_document(await watch.report(taxonomy, days)))
