"""How a job ended whose task no longer runs: read from the object store, with the exit code as a hint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reviewlens.contracts.job_status import JobError
from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.summary import Summary
from reviewlens.errors import NotFoundError
from reviewlens.jobs.interface import JobState
from reviewlens.launch.interface import TaskStatus
from reviewlens.storage.interface import ObjectStore

Document = TypeVar("Document", bound=BaseModel)

_CANCELLED_CODE = 3
_FAILED_CODES = frozenset({0, 1, 2})


@dataclass(frozen=True)
class Outcome:
    """SUCCEEDED, FAILED, CANCELLED or INTERRUPTED, with the error if there is one.

    The cause of an interruption becomes the job's error if the job is never resumed.
    """

    state: JobState
    error: str = ""
    error_code: str = ""
    rows_read: int = 0


def outcome_of(store: ObjectStore, keys: JobKeys, status: TaskStatus) -> Outcome:
    """The objects in the store decide: a summary is written last and on success only; failure and cancellation leave
    objects of their own."""
    summary = read_document(store, keys.summary, Summary)
    if summary is not None:
        return Outcome(JobState.SUCCEEDED, rows_read=summary.rows_read)
    if status.exit_code == _CANCELLED_CODE or store.head(keys.cancelled):
        return Outcome(JobState.CANCELLED)
    error = read_document(store, keys.error, JobError)
    if error is not None:
        return Outcome(JobState.FAILED, error.message, error.code)
    if status.exit_code in _FAILED_CODES and not status.code:
        return Outcome(
            JobState.FAILED,
            "The job failed because of an error in ReviewLens, not in your file. Retry it; if that fails, report it.",
            "job-failed",
        )
    if status.code:
        return Outcome(JobState.INTERRUPTED, status.reason, status.code)
    return Outcome(JobState.INTERRUPTED)


def read_document(store: ObjectStore, key: str, model: type[Document]) -> Document | None:
    """A JSON document from the store; None when there is none or it does not fit the model."""
    try:
        return model.model_validate_json(store.get(key))
    except (NotFoundError, ValidationError):
        return None
