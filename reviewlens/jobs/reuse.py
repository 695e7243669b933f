"""Chooses the finished jobs from which a new job may reuse scores."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs.interface import Job, JobState
from reviewlens.jobs.outcome import read_document
from reviewlens.storage.interface import ObjectStore

_MAX_READ = 200
"""Most jobs whose specs are read, one by one, in a search."""


def reusable_jobs(store: ObjectStore, jobs: Iterable[Job], engine: str, model_sha256: str, most: int) -> list[str]:
    """Ids of at most `most` of one user's jobs, in the order given, that succeeded with this engine and model and kept
    their scores.

    The new job checks the other conditions (cleaning, code, processor) itself, because they depend on where it runs.
    """
    reusable: list[str] = []
    done = (job for job in jobs if job.state is JobState.SUCCEEDED and job.engine == engine)
    for job in islice(done, _MAX_READ if most else 0):
        keys = JobKeys(job.user, job.id)
        spec = read_document(store, keys.spec, JobSpec)
        if spec is not None and spec.model_sha256 == model_sha256 and store.head(keys.scores) is not None:
            reusable.append(job.id)
            if len(reusable) == most:
                break
    return reusable
