"""For members of the group `admin`: all users' jobs, read-only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.routes.jobs import JobId
from backend.schemas.problems import errors
from backend.web.deps import AdminUser, PlatformDep
from reviewlens.jobs.views import JobView, OwnedJobs

router = APIRouter(prefix="/admin", tags=["admin"])
Subject = Annotated[str, Path(max_length=128, pattern=r"^[A-Za-z0-9_-]+$", examples=["u0123456789abcdef01234567"])]


@router.get("/jobs", summary="All users' jobs, newest first", responses=errors(401, 403, 422, 429, 503))
def list_jobs(
    _user: AdminUser,
    platform: PlatformDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=64, description="`next_cursor` of the page before.")] = "",
) -> OwnedJobs:
    """Each with its owner's subject; without progress and summaries."""
    return platform.jobs.page_of_all(limit=limit, cursor=cursor)


@router.get("/jobs/{subject}/{job_id}", summary="One job of any user", responses=errors(401, 403, 404, 422, 429, 503))
def get_job(subject: Subject, job_id: JobId, _user: AdminUser, platform: PlatformDep) -> JobView:
    """As its owner sees it. Only the owner can read its reviews and results."""
    return platform.jobs.get(subject, job_id)
