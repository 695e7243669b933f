"""Makes an application from routers: the backend and every other service."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext

from fastapi import APIRouter, FastAPI

import reviewlens
from backend.web import health, problems
from backend.web.middleware import RequestContext
from backend.web.services import Services
from reviewlens.errors import ReviewLensError
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
API_PREFIX = "/api"
"""Every public route also answers below this prefix, so that a proxy forwards new routes without a change."""


def create_app(
    settings: Settings,
    routers: Iterable[APIRouter],
    *,
    internal: Iterable[APIRouter] = (),
    uses: Iterable[str] = (),
    work: Callable[[Services], AbstractContextManager[object]] = nullcontext,
    title: str = "ReviewLens",
) -> FastAPI:
    """An application with these routes, and with /healthz, /readyz, /openapi.json and /metrics.

    `routers` also answer below /api; `internal` ones only at their own paths, which proxies keep closed.
    `uses`: the parts of the platform that are opened at the start and checked by /readyz ("store", "jobs", "model").
    `work`: a context manager entered at the start and left at the stop, around everything that is served.
    """
    services = Services(settings, uses)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            stack.callback(services.close)
            try:
                services.open()
                stack.enter_context(work(services))
            except ReviewLensError as error:
                _log.error("%s", error.message)
                raise
            _log.info("ready to answer")
            yield

    app = FastAPI(
        title=title,
        version="0.1.0",
        summary=reviewlens.__doc__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.add_middleware(RequestContext, metrics=services.metrics, bodies=services.bodies, settings=settings)
    problems.install(app)
    for router in (health.router, *routers):
        app.include_router(router)
        app.include_router(router, prefix=API_PREFIX, include_in_schema=False)
    for router in (health.internal, *internal):
        app.include_router(router)
    return app
