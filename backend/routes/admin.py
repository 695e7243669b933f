"""For members of the group `admin`: everybody's jobs, to look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.deps import AdminUser, PlatformDep
from backend.routes.jobs import JobId
from backend.schemas import OwnedJob, OwnedJobs, errors
from reviewlens.jobs.views import JobView, view_of

router = APIRouter(prefix="/admin", tags=["admin"])
Subject = Annotated[str, Path(max_length=128, pattern=r"^[A-Za-z0-9_-]+$", examples=["u0123456789abcdef01234567"])]


@router.get("/jobs", summary="Everybody's jobs, newest first", responses=errors(401, 403, 422, 429, 503))
def list_jobs(
    _user: AdminUser,
    platform: PlatformDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=64, description="`next_cursor` of the page before.")] = "",
) -> OwnedJobs:
    """Each with its owner's subject; without progress and summaries."""
    found = platform.table.list_all(limit=limit + 1, before=cursor)
    page = found[:limit]
    owned = [
        OwnedJob(user=job.user, job=view_of(job, summary=platform.jobs.summary(job), with_summary=False))
        for job in page
    ]
    return OwnedJobs(jobs=owned, next_cursor=page[-1].id if len(found) > limit else None)


@router.get("/jobs/{subject}/{job_id}", summary="One job of anybody's", responses=errors(401, 403, 404, 422, 429, 503))
def get_job(subject: Subject, job_id: JobId, _user: AdminUser, platform: PlatformDep) -> JobView:
    """As its owner sees it. Reviews and results are the owner's alone."""
    return platform.jobs.get(subject, job_id)
