"""Checks that every job table makes before a write: which fields may be set, which moves are allowed."""

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
    """The row after a write; TypeError for a field that cannot be set."""
    unknown = set(changes) - (set(FIELDS) - _FIXED)
    if unknown:
        raise TypeError(f"cannot set {', '.join(sorted(unknown))}")
    return replace(job, **changes, state=state or job.state, updated_at=now(), version=job.version + 1)


def check_move(job: Job, to: JobState, expect: Iterable[JobState] | None) -> None:
    """ConflictError when the present state forbids the move or is not in `expect`."""
    if to not in TRANSITIONS[job.state] or (expect is not None and job.state not in set(expect)):
        raise ConflictError(
            f"The job is {job.state} and cannot become {to}.", code="job-state", details={"state": str(job.state)}
        )


def check_version(job: Job, if_version: int | None) -> None:
    """ConflictError when the row was written since it was read."""
    if if_version is not None and job.version != if_version:
        raise ConflictError(
            f"The job has changed and is now {job.state}; reload it.",
            code="job-state",
            details={"state": str(job.state)},
        )


def check_finished(job: Job) -> None:
    """ConflictError for an unfinished job."""
    if job.state in UNFINISHED:
        raise ConflictError("The job is not finished; cancel it first.", code="job-not-finished")


def check_kept(job: Job) -> None:
    """ConflictError for a job whose deletion has begun."""
    if job.error_code == BEING_DELETED:
        raise ConflictError(
            "This job is being deleted, which takes up to a few minutes. Upload its file again to analyse it.",
            code="being-deleted",
        )


def unfinished_states(states: Iterable[JobState]) -> list[JobState]:
    """The states sorted by name; ValueError for finished ones, for which tables have no index."""
    wanted = sorted(set(states))
    if set(wanted) - UNFINISHED:
        raise ValueError("finished jobs are listed by user, not by state")
    return wanted


def no_such_job() -> NotFoundError:
    """The error for a job that does not exist or belongs to another user."""
    return NotFoundError("There is no such job.", code="job-not-found")


def id_taken() -> ConflictError:
    """The error for a second job with the same id."""
    return ConflictError("A job with this id exists already.", code="job-exists")


def over_limit() -> LimitError:
    """The error when a user may not have another job."""
    return LimitError("You have the most jobs allowed. Delete some, or wait until one has finished.")
