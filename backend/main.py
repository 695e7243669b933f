"""The backend: all routes, and the worker that runs jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from backend.routes import INTERNAL_ROUTERS, ROUTERS
from backend.web.app import create_app as create_service
from backend.web.services import Services
from reviewlens.jobs.interface import Job
from reviewlens.settings import Settings
from reviewlens.worker import Worker


def create_app(settings: Settings) -> FastAPI:
    """The backend. It opens the platform and starts the worker when it starts, and stops them when it stops."""
    return create_service(settings, ROUTERS, internal=INTERNAL_ROUTERS, uses=("store", "jobs", "model"), work=_run_jobs)


@contextmanager
def _run_jobs(services: Services) -> Iterator[None]:
    """Run jobs until the block ends, then interrupt them."""

    def count(job: Job) -> None:
        summary = services.platform.jobs.summary(job)
        services.metrics.job_finished(job, summary.accounting.scored if summary else 0)

    worker = Worker(services.platform, on_finish=count)
    worker.start()
    try:
        yield
    finally:
        worker.stop()
