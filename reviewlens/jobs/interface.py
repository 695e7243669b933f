"""What a job table promises; adapters: sqlite, dynamodb. State moves along TRANSITIONS only, by conditional writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class JobState(StrEnum):
    """queued -> running -> succeeded | failed | cancelled | interrupted.

    interrupted -> queued resumes by itself; failed, cancelled -> queued is a retry; TRANSITIONS has them all.
    """

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.CANCELLING, JobState.INTERRUPTED}
    ),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}),
    JobState.INTERRUPTED: frozenset({JobState.QUEUED, JobState.CANCELLED, JobState.FAILED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
    JobState.SUCCEEDED: frozenset(),
}
UNFINISHED = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING, JobState.INTERRUPTED})


@dataclass(frozen=True)
class Job:
    """One row of the table. Times are ISO 8601 UTC; `handle` is the launcher's; `error` is for people.

    `error_code` is stable. `fingerprint` names upload, mapping, dialect, engine and model: the same submitted twice is
    one job. Ids sort by the time they were made. `version` counts writes.
    """

    id: str
    user: str
    upload: str
    filename: str
    fingerprint: str
    state: JobState
    engine: str
    created_at: str
    updated_at: str
    started_at: str = ""
    finished_at: str = ""
    attempts: int = 0
    handle: str = ""
    error: str = ""
    error_code: str = ""
    rows_read: int = 0
    seconds: float = 0.0
    version: int = 0


Jobs = list[Job]
"""For annotations inside a table's class, where `list` is its method."""


class JobTable(Protocol):
    """Errors: NotFoundError, ConflictError (not allowed from the state that the row has now), TransientError."""

    def create(self, job: Job) -> tuple[Job, bool]:
        """Insert; if the user has a job with this fingerprint, return that one and False."""
        ...

    def get(self, user: str, job_id: str) -> Job:
        """One job of this user; another user's is NotFoundError."""
        ...

    def in_states(self, states: Iterable[JobState]) -> list[Job]:
        """All users' jobs in these states, oldest first."""
        ...

    def list(self, user: str, *, limit: int = 100, before: str = "") -> list[Job]:
        """Newest first; `before`: only those created before this job id (a cursor)."""
        ...

    def list_all(self, *, limit: int = 100, before: str = "") -> Jobs:
        """The same for everybody's jobs, for administrators; what happened this very second may be missing."""
        ...

    def move(
        self, user: str, job_id: str, to: JobState, *, expect: Iterable[JobState] | None = None, **changes: object
    ) -> Job:
        """Move along TRANSITIONS and set other fields at once.

        ConflictError when the present state is not in `expect` or forbids it.
        """
        ...

    def update(self, user: str, job_id: str, **changes: object) -> Job:
        """Set fields other than id, user, state."""
        ...

    def delete(self, user: str, job_id: str) -> None:
        """Delete a job that is finished (else ConflictError)."""
        ...
