"""Jobs: submit, watch, cancel, retry, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from backend.schemas.jobs import Submission
from backend.schemas.problems import errors
from backend.web.deps import CurrentUser, PlatformDep, ServicesDep
from reviewlens.jobs.views import JobPage, JobView

router = APIRouter(tags=["jobs"])
JobId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", examples=["019a8c5e1f20123456789abcdef"])]


@router.post(
    "/trigger_pipeline",
    status_code=202,
    summary="Analyse an upload",
    responses={
        200: {"model": JobView, "description": "The job existed already"},
        **errors(400, 401, 404, 409, 422, 429, 503),
    },
)
def trigger_pipeline(body: Submission, response: Response, user: CurrentUser, platform: PlatformDep) -> JobView:
    """202 with a new job; 200 with the existing job for the same upload, mapping, dialect, engine and model.

    An existing job that failed or was cancelled is queued again.
    """
    job, created = platform.jobs.submit(user.subject, body.upload_id, body.overrides(), body.engine)
    response.status_code = 202 if created else 200
    return job


@router.get("/jobs", summary="Your jobs, newest first", responses=errors(401, 422, 429))
def list_jobs(
    user: CurrentUser,
    platform: PlatformDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=64, description="`next_cursor` of the page before.")] = "",
) -> JobPage:
    """Without progress and summaries."""
    return platform.jobs.page(user.subject, limit=limit, cursor=cursor)


@router.get("/jobs/{job_id}", summary="One job", responses=errors(401, 404, 422, 429))
def get_job(job_id: JobId, user: CurrentUser, platform: PlatformDep) -> JobView:
    """With its progress while it is unfinished, its summary when it has succeeded, and its error when it has failed."""
    return platform.jobs.get(user.subject, job_id)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", responses=errors(401, 404, 409, 422, 429))
def cancel(job_id: JobId, user: CurrentUser, platform: PlatformDep) -> JobView:
    """A waiting job is cancelled at once; a running one becomes `cancelling` and stops within seconds."""
    return platform.jobs.cancel(user.subject, job_id)


@router.post("/jobs/{job_id}/retry", summary="Retry a job", responses=errors(401, 404, 409, 422, 429))
def retry(job_id: JobId, user: CurrentUser, platform: PlatformDep) -> JobView:
    """Queues a failed or cancelled job again, with the same file, mapping and model."""
    return platform.jobs.retry(user.subject, job_id)


@router.delete("/jobs/{job_id}", status_code=204, summary="Delete a job", responses=errors(401, 404, 409, 422, 429))
def delete(job_id: JobId, user: CurrentUser, services: ServicesDep) -> Response:
    """Deletes a finished job with its outputs and caches, and its upload unless another job uses it."""
    services.platform.jobs.delete(user.subject, job_id)
    services.dashboards.forget(user.subject, job_id)
    return Response(status_code=204)
