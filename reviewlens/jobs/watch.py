"""How long the tasks that run have shown no sign of getting on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from reviewlens.jobs.interface import Job
from reviewlens.jobs.outcome import read_json
from reviewlens.pipeline.spec import JobKeys
from reviewlens.storage.interface import ObjectStore

_SIGNS = ("attempt_started_at", "stage", "rows_done")


@dataclass
class _Seen:
    handle: str
    signs: tuple[object, ...]
    since: float


class Watch:
    """Compares what each job tells of itself with what it told before.

    What counts is that rows get done, not that somebody writes: a task whose scoring processes hang still reports. Time
    is this process's own monotonic clock, so neither a clock that is set nor a laptop that slept makes a task look
    stuck; a restart begins to count anew.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._seen: dict[tuple[str, str], _Seen] = {}

    def silent_seconds(self, job: Job) -> float:
        """Seconds since the job's task was last seen to get on, or was first looked at."""
        progress = read_json(self._store, JobKeys(job.user, job.id).progress) or {}
        signs = tuple(progress.get(name) for name in _SIGNS)
        seen = self._seen.get((job.user, job.id))
        now = time.monotonic()
        if seen is None or (seen.handle, seen.signs) != (job.handle, signs):
            self._seen[job.user, job.id] = _Seen(job.handle, signs, now)
            return 0.0
        return now - seen.since

    def forget(self, job: Job) -> None:
        """The job's task has ended."""
        self._seen.pop((job.user, job.id), None)
