"""Liveness, readiness, metrics, and the description of the API."""

from __future__ import annotations

import anyio
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

from backend.schemas.health import Health
from backend.schemas.problems import errors
from backend.web.deps import CurrentUser, ServicesDep, metrics_reader
from backend.web.threads import in_thread

router = APIRouter(tags=["health"])
internal = APIRouter(tags=["health"])
FROZEN_SECONDS = 3.0
"""Less than the time-out of the load balancer's check (infra/load_balancer.tf) and of the images' (Dockerfile)."""


@router.get("/healthz", summary="Whether the service answers", responses={503: {"model": Health}})
async def healthz(response: Response) -> Health:
    """Load balancers ask this: 503 while requests are not worked on, because no thread has become free for seconds."""
    with anyio.move_on_after(FROZEN_SECONDS):
        await run_in_threadpool(_nothing)
        return Health(status="ok")
    response.status_code = 503
    return Health(status="unavailable", checks={"threads": "frozen"})


def _nothing() -> None:
    """What a thread does to show that it is free."""


@router.get("/readyz", summary="Whether the service can work", responses={503: {"model": Health}})
async def readyz(services: ServicesDep, response: Response) -> Health:
    """Checks the disk's free space and what the service uses (object store, job table, model), at most once a second;
    503 when a check fails."""
    checks = await in_thread(services.threads.health, services.readiness.outcomes)
    ready = all(outcome == "ok" for outcome in checks.values())
    response.status_code = 200 if ready else 503
    return Health(status="ok" if ready else "unavailable", checks=checks)


@router.get("/openapi.json", summary="The description of this API", responses=errors(401, 429))
def openapi(request: Request, _user: CurrentUser) -> JSONResponse:
    """OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())


@internal.get(
    "/metrics",
    summary="Metrics for Prometheus",
    dependencies=[Depends(metrics_reader)],
    response_class=PlainTextResponse,
    responses=errors(401, 429),
)
def metrics(services: ServicesDep) -> Response:
    """Requests, latencies, jobs by state, reviews scored. The operator key works as a bearer token here."""
    return Response(services.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
