"""How long running tasks have made no progress, or had no heartbeat."""

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
class _Observation:
    signs: tuple[object, ...]
    since: float


class Watch:
    """Compares each job's progress and lease with the previous observation.

    Times are on this process's monotonic clock: setting a clock, another machine's clock or a sleeping laptop cannot
    make a task look stuck. A restart begins to count again.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._observations: dict[tuple[str, str, str], _Observation] = {}

    def silent_seconds(self, job: Job) -> float:
        """Seconds since the job's task last made progress, or since the first observation.

        Only finished rows and stages count: a task whose scoring processes hang still writes reports.
        """
        progress = read_document(self._store, JobKeys(job.user, job.id).progress, Progress)
        signs = (progress.attempt_started_at, progress.stage, progress.rows_done) if progress else ()
        return self._unchanged(job, "rows", *signs)

    def unheard_seconds(self, job: Job) -> float:
        """Seconds since the last heartbeat of the job's lease, or since the first observation."""
        lease = self._store.head(JobKeys(job.user, job.id).lease)
        return self._unchanged(job, "life", lease.etag if lease else "")

    def unreadable_seconds(self, job: Job) -> float:
        """Seconds since the first call; `readable` resets them."""
        return self._unchanged(job, "trouble")

    def readable(self, job: Job) -> None:
        """The job's results could be read from the store."""
        self._observations.pop((job.user, job.id, "trouble"), None)

    def forget(self, job: Job) -> None:
        """Drop all observations of a job whose task has ended."""
        for kind in ("rows", "life", "trouble"):
            self._observations.pop((job.user, job.id, kind), None)

    def keep(self, live: Iterable[Job] | None) -> None:
        """Drop the observations of all other jobs, which have ended. None: the running jobs are not known."""
        if live is not None:
            running = {(job.user, job.id) for job in live}
            self._observations = {key: each for key, each in self._observations.items() if key[:2] in running}

    def _unchanged(self, job: Job, kind: str, *facts: object) -> float:
        signs = (job.handle, *facts)
        last = self._observations.get((job.user, job.id, kind))
        now = time.monotonic()
        if last is None or last.signs != signs:
            self._observations[job.user, job.id, kind] = _Observation(signs, now)
            return 0.0
        return now - last.since
