"""The application: settings in, FastAPI out."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import reviewlens
from backend import problems
from backend.dashboards import DashboardCache
from backend.deps import Services
from backend.metrics import Metrics
from backend.middleware import RequestContext
from backend.readiness import Readiness
from backend.routes import ROUTERS
from backend.scoring import Model
from reviewlens.errors import ReviewLensError
from reviewlens.identity.limiter import RateLimiter
from reviewlens.identity.private_files import operator_key
from reviewlens.jobs.interface import UNFINISHED, Job
from reviewlens.platform import Platform, secrets_dir
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The application; the platform is opened when it starts and closed, its jobs interrupted, when it stops."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            platform = Platform.from_settings(settings)
        except ReviewLensError as error:
            _log.error("%s", error.message)
            raise
        services = _services(settings, platform, metrics)
        app.state.services = services
        services.model.load()
        platform.dispatcher.start()
        platform.housekeeping.start()
        _log.info("ready to answer")
        try:
            yield
        finally:
            platform.housekeeping.stop()
            platform.dispatcher.stop()
            platform.close()
            services.model.settle()

    app = FastAPI(
        title="ReviewLens",
        version="0.1.0",
        summary=reviewlens.__doc__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(RequestContext, metrics=metrics, https_only=settings.cookie_secure)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


def _services(settings: Settings, platform: Platform, metrics: Metrics) -> Services:
    def finished(job: Job) -> None:
        summary = platform.jobs.summary(job)
        metrics.job_finished(job, summary.accounting.scored if summary else 0)

    platform.dispatcher.on_finish = finished
    metrics.watch_jobs(lambda: platform.table.in_states(UNFINISHED))
    model = Model(settings)
    return Services(
        platform=platform,
        model=model,
        metrics=metrics,
        dashboards=DashboardCache(),
        requests=RateLimiter(settings.requests_per_minute, "Too many requests; wait a little."),
        logins=RateLimiter(
            settings.login_attempts_per_minute,
            "Too many log-in attempts from this address; wait a little.",
            code="too-many-logins",
        ),
        operator_key=settings.operator_key or operator_key(secrets_dir(settings)),
        readiness=Readiness(
            {
                "store": lambda: platform.store.head("readyz"),
                "jobs": lambda: platform.table.in_states([]),
                "model": model.check,
            }
        ),
    )
