"""What every job table checks before it writes: which fields may be set, which moves are allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from reviewlens.errors import ConflictError, LimitError, NotFoundError
from reviewlens.ids import now
from reviewlens.jobs.interface import BEING_DELETED, TRANSITIONS, UNFINISHED, Job, JobState

FIELDS = tuple(field.name for field in fields(Job))
_FIXED = frozenset({"id", "user", "state", "fingerprint", "version", "created_at", "updated_at"})


def changed(job: Job, changes: dict[str, Any], state: JobState | None = None) -> Job:
    """The row as it is to stand after a write; TypeError for a field that is not there to be set."""
    unknown = set(changes) - (set(FIELDS) - _FIXED)
    if unknown:
        raise TypeError(f"cannot set {', '.join(sorted(unknown))}")
    return replace(job, **changes, state=state or job.state, updated_at=now(), version=job.version + 1)


def check_move(job: Job, to: JobState, expect: Iterable[JobState] | None) -> None:
    """ConflictError when the present state is not expected or forbids it."""
    if to not in TRANSITIONS[job.state] or (expect is not None and job.state not in set(expect)):
        raise ConflictError(
            f"The job is {job.state} and cannot become {to}.", code="job-state", details={"state": str(job.state)}
        )


def check_version(job: Job, if_version: int | None) -> None:
    """ConflictError when somebody wrote meanwhile."""
    if if_version is not None and job.version != if_version:
        raise ConflictError(
            f"The job has changed meanwhile and is {job.state}; look at it again.",
            code="job-state",
            details={"state": str(job.state)},
        )


def check_finished(job: Job) -> None:
    """ConflictError for a job that may still be worked on."""
    if job.state in UNFINISHED:
        raise ConflictError("The job is not finished; cancel it first.", code="job-not-finished")


def check_kept(job: Job) -> None:
    """ConflictError for a job whose deletion has begun."""
    if job.error_code == BEING_DELETED:
        raise ConflictError(
            "This job is being deleted, which ends by itself within minutes; upload its file anew to analyse it again.",
            code="being-deleted",
        )


def unfinished_states(states: Iterable[JobState]) -> list[JobState]:
    """In the order of their names; ValueError for others: no table keeps an index of finished jobs."""
    wanted = sorted(set(states))
    if set(wanted) - UNFINISHED:
        raise ValueError("finished jobs are listed by user, not by state")
    return wanted


def no_such_job() -> NotFoundError:
    """What is raised for a job that is not there, or not this user's."""
    return NotFoundError("There is no such job.", code="job-not-found")


def id_taken() -> ConflictError:
    """What is raised for a second job of the same id."""
    return ConflictError("There is a job of this id already.", code="job-exists")


def over_limit() -> LimitError:
    """What is raised where a user may have no further job."""
    return LimitError("You have as many jobs as allowed; delete some, or wait until one has finished.")
