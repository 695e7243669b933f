"""Is it alive, is it ready, how is it doing; and the description of this API."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from backend.deps import CurrentUser, ServicesDep, metrics_reader
from backend.schemas import Health, errors

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the backend answers")
async def healthz() -> Health:
    """Always ok: the process is alive."""
    return Health(status="ok")


@router.get("/readyz", summary="Whether everything it needs is there", responses={503: {"model": Health}})
def readyz(services: ServicesDep, response: Response) -> Health:
    """Looks at the object store, the job table and the model, once a second at most; 503 when one is not
    usable."""
    found = services.readiness.found()
    ready = all(outcome == "ok" for outcome in found.values())
    response.status_code = 200 if ready else 503
    return Health(status="ok" if ready else "unavailable", checks=found)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    dependencies=[Depends(metrics_reader)],
    response_class=PlainTextResponse,
    responses=errors(401, 429),
)
def metrics(services: ServicesDep) -> Response:
    """Requests, latencies, jobs by state, reviews scored. The operator key is taken as a bearer token here."""
    return Response(services.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", summary="The description of this API", responses=errors(401, 429))
def openapi(request: Request, _user: CurrentUser) -> JSONResponse:
    """OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())
