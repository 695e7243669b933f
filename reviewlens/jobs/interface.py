"""The job table: its interface, rows and states. Adapters: sqlite, dynamodb."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class JobState(StrEnum):
    """queued -> running -> succeeded | failed | cancelled | interrupted.

    interrupted -> queued happens automatically; failed, cancelled -> queued is a retry. TRANSITIONS lists all moves.
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
"""States in which a task runs or is about to start."""


BEING_DELETED = "being-deleted"
"""The `error_code` of a finished job whose deletion has begun."""
UNLIMITED = 10**9
"""A limit above any number of jobs."""
CLAIM = "claim:"
"""Prefix of the `handle` of a running job whose task is being started: the claim of the dispatcher that starts it."""


@dataclass(frozen=True)
class Job:
    """One row of the table. Times are ISO 8601 in UTC; `handle` is the launcher's handle or a claim; `error` is for
    people, `error_code` for programs.

    `fingerprint` identifies upload, mapping, dialect, engine and model: submitting the same twice gives one job. Ids
    sort by creation time. `version` counts writes. `seconds` is the time from first start to end.
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
"""For annotations inside a table class, where `list` is a method."""


class JobTable(Protocol):
    """A table that any number of processes may share: every write is conditional on the row's version as it was read.

    Errors: NotFoundError, ConflictError (not allowed from the row's present state), TransientError, ConfigurationError
    (AWS denies access).
    """

    def create(self, job: Job, *, most_jobs: int = UNLIMITED, most_unfinished: int = UNLIMITED) -> tuple[Job, bool]:
        """Insert a job and return it with True; if the user has a job with its fingerprint, return that one with False.

        LimitError when the user has `most_jobs` jobs or `most_unfinished` unfinished ones; ConflictError when the id is
        taken.
        """
        ...

    def get(self, user: str, job_id: str) -> Job:
        """One job of this user in its present state; NotFoundError for another user's job."""
        ...

    def find(self, user: str, fingerprint: str) -> Job | None:
        """The user's job with this fingerprint, or None."""
        ...

    def counts(self, user: str) -> Counts:
        """How many jobs the user has, without reading them all."""
        ...

    def in_states(self, states: Iterable[JobState], *, limit: int = UNLIMITED) -> Jobs:
        """The oldest `limit` jobs of all users in these unfinished states, oldest first.

        May be slightly out of date: read a job with `get` before acting on it. Queries the table even without states,
        so that it can serve as a check.
        """
        ...

    def being_deleted(self) -> Jobs:
        """All users' finished jobs that are marked BEING_DELETED, oldest first; may be slightly out of date."""
        ...

    def ahead(self, job: Job) -> int:
        """How many queued jobs of all users were created before this one; may be a second out of date."""
        ...

    def list(self, user: str, *, limit: int = 100, before: str = "") -> Jobs:
        """Newest first; `before`: only those created before this job id (a cursor)."""
        ...

    def list_all(self, *, limit: int = 100, before: str = "") -> Jobs:
        """The same for all users' jobs, for administrators; may be a second out of date."""
        ...

    def claim(self, user: str, job_id: str, *, at_most: int, **changes: object) -> Job | None:
        """Move a queued job to RUNNING; None when `at_most` jobs of all users are RUNNING or CANCELLING already.

        Of several concurrent calls for a job one succeeds and the others raise ConflictError. The limit always holds.
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
        """Move along TRANSITIONS and set other fields in the same write.

        ConflictError when the present state forbids the move or is not in `expect`, or the version is not `if_version`.
        """
        ...

    def update(self, user: str, job_id: str, *, if_version: int | None = None, **changes: object) -> Job:
        """Set fields other than id, user, state, fingerprint; ConflictError when the version is not `if_version`."""
        ...

    def delete(self, user: str, job_id: str, *, if_version: int | None = None) -> None:
        """Delete a finished job (else ConflictError); its fingerprint can be used again at once."""
        ...
