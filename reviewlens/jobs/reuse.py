"""Which of a user's finished jobs a new one may take scores from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs.interface import Job, JobState
from reviewlens.jobs.outcome import read_document
from reviewlens.storage.interface import ObjectStore

_LOOKED_AT = 200
"""Jobs that are asked for their model before the search ends: their specs are read one by one."""


def reusable_jobs(store: ObjectStore, jobs: Iterable[Job], engine: str, model_sha256: str, most: int) -> list[str]:
    """Ids of at most `most` of these jobs of one user, in the order given: finished, with this engine and model, and
    with their scores kept.

    The new job compares the rest (cleaning, code, machine) itself: what matters is where it runs, not where it was
    submitted.
    """
    found: list[str] = []
    done = (job for job in jobs if job.state is JobState.SUCCEEDED and job.engine == engine)
    for job in islice(done, _LOOKED_AT if most else 0):
        keys = JobKeys(job.user, job.id)
        spec = read_document(store, keys.spec, JobSpec)
        if spec is not None and spec.model_sha256 == model_sha256 and store.head(keys.scores) is not None:
            found.append(job.id)
            if len(found) == most:
                break
    return found
