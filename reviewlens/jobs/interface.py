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
LIVE = frozenset({JobState.RUNNING, JobState.CANCELLING})
"""A task of theirs runs, or is about to."""


BEING_DELETED = "being-deleted"
"""The `error_code` of a finished job whose deletion has begun."""
UNLIMITED = 10**9
"""More jobs than anybody has."""
CLAIM = "claim:"
"""How the `handle` of a running job begins whose task is about to be started: a claim of the one who starts it."""


@dataclass(frozen=True)
class Job:
    """One row of the table. Times are ISO 8601 UTC; `handle` is the launcher's or a claim; `error` is for people.

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


@dataclass(frozen=True)
class Counts:
    """How many jobs a user has, and how many of them are unfinished."""

    jobs: int = 0
    unfinished: int = 0


Jobs = list[Job]
"""For annotations inside a table's class, where `list` is its method."""


class JobTable(Protocol):
    """Any number of processes may share one: each write is conditional on the row's version as the writer read it.

    Errors: NotFoundError, ConflictError (not allowed from the state that the row has now), TransientError,
    ConfigurationError (the surroundings refuse).
    """

    def create(self, job: Job, *, most_jobs: int = UNLIMITED, most_unfinished: int = UNLIMITED) -> tuple[Job, bool]:
        """Insert; if the user has a job with this fingerprint, return that one and False.

        LimitError when the user has so many jobs, or unfinished ones, already; ConflictError when the id is taken.
        """
        ...

    def get(self, user: str, job_id: str) -> Job:
        """One job of this user as it stands; another user's is NotFoundError."""
        ...

    def find(self, user: str, fingerprint: str) -> Job | None:
        """The user's job with this fingerprint."""
        ...

    def counts(self, user: str) -> Counts:
        """How many jobs the user has, without reading them."""
        ...

    def in_states(self, states: Iterable[JobState], *, limit: int = UNLIMITED) -> Jobs:
        """All users' jobs in these unfinished states, oldest first, the oldest `limit` of them.

        May be a moment behind: read a job with `get` before acting on it. Asks the table even for no states at all.
        """
        ...

    def being_deleted(self) -> Jobs:
        """All users' finished jobs that are marked BEING_DELETED, oldest first; may be a moment behind."""
        ...

    def ahead(self, job: Job) -> int:
        """How many queued jobs of all users were made before this one; may be a second behind."""
        ...

    def list(self, user: str, *, limit: int = 100, before: str = "") -> Jobs:
        """Newest first; `before`: only those created before this job id (a cursor)."""
        ...

    def list_all(self, *, limit: int = 100, before: str = "") -> Jobs:
        """The same for everybody's jobs, for administrators; what happened this very second may be missing."""
        ...

    def claim(self, user: str, job_id: str, *, at_most: int, **changes: object) -> Job | None:
        """Move a queued job to RUNNING unless `at_most` jobs of all users are RUNNING or CANCELLING; None: no room.

        Of many who try at once one succeeds, the others get ConflictError; the number is never exceeded.
        """
        ...

    def move(
        self,
        user: str,
        job_id: str,
        to: JobState,
        *,
        expect: Iterable[JobState] | None = None,
        if_version: int | None = None,
        **changes: object,
    ) -> Job:
        """Move along TRANSITIONS and set other fields at once.

        ConflictError when the present state is not in `expect` or forbids it, or the version is not `if_version`.
        """
        ...

    def update(self, user: str, job_id: str, *, if_version: int | None = None, **changes: object) -> Job:
        """Set fields other than id, user, state, fingerprint; ConflictError when the version is not `if_version`."""
        ...

    def delete(self, user: str, job_id: str, *, if_version: int | None = None) -> None:
        """Delete a job that is finished (else ConflictError); its fingerprint is free at once."""
        ...
