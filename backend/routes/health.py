"""Is it alive, is it ready, how is it doing; and the description of this API."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from backend.deps import CurrentUser, ServicesDep, metrics_reader
from backend.schemas import Health, errors
from reviewlens.errors import ReviewLensError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the backend answers")
async def healthz() -> Health:
    """Always ok: the process is alive."""
    return Health(status="ok")


@router.get("/readyz", summary="Whether everything it needs is there", responses={503: {"model": Health}})
def readyz(services: ServicesDep, response: Response) -> Health:
    """Looks at the object store, the job table and the model; 503 when one of them is not usable."""
    platform = services.platform
    checks: dict[str, Callable[[], object]] = {
        "store": lambda: platform.store.head("readyz"),
        "jobs": lambda: platform.table.in_states([]),
        "model": services.model.check,
    }
    found = {name: _outcome(check) for name, check in checks.items()}
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


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except ReviewLensError as error:
        return error.code
    return "ok"
