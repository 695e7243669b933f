"""How long the tasks that run have shown no sign of getting on, or of life."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs.interface import Job
from reviewlens.jobs.outcome import read_document
from reviewlens.storage.interface import ObjectStore


@dataclass
class _Seen:
    signs: tuple[object, ...]
    since: float


class Watch:
    """Compares what each job tells of itself with what it told before.

    Time is this process's own monotonic clock, so neither a clock that is set, nor another machine's, nor a laptop that
    slept makes a task look stuck; a restart begins to count anew.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._seen: dict[tuple[str, str, str], _Seen] = {}

    def silent_seconds(self, job: Job) -> float:
        """Seconds since the job's task was last seen to get on, or was first looked at.

        What counts is that rows get done, not that somebody writes: a task whose scoring processes hang still reports.
        """
        progress = read_document(self._store, JobKeys(job.user, job.id).progress, Progress)
        signs = (progress.attempt_started_at, progress.stage, progress.rows_done) if progress else ()
        return self._unchanged(job, "rows", *signs)

    def unheard_seconds(self, job: Job) -> float:
        """Seconds since the job's task was last seen to be alive, by its lease's heartbeat, or was first looked for."""
        lease = self._store.head(JobKeys(job.user, job.id).lease)
        return self._unchanged(job, "life", lease.etag if lease else "")

    def unreadable_seconds(self, job: Job) -> float:
        """Seconds since this was first asked; `readable` ends it."""
        return self._unchanged(job, "trouble")

    def readable(self, job: Job) -> None:
        """What the job has left in the store could be read."""
        self._seen.pop((job.user, job.id, "trouble"), None)

    def forget(self, job: Job) -> None:
        """The job's task has ended."""
        for what in ("rows", "life", "trouble"):
            self._seen.pop((job.user, job.id, what), None)

    def keep(self, live: Iterable[Job] | None) -> None:
        """Forget all but these: others' tasks have ended, and somebody else settled them. None: it is not known."""
        if live is not None:
            known = {(job.user, job.id) for job in live}
            self._seen = {place: seen for place, seen in self._seen.items() if place[:2] in known}

    def _unchanged(self, job: Job, what: str, *told: object) -> float:
        signs = (job.handle, *told)
        seen = self._seen.get((job.user, job.id, what))
        now = time.monotonic()
        if seen is None or seen.signs != signs:
            self._seen[job.user, job.id, what] = _Seen(signs, now)
            return 0.0
        return now - seen.since
