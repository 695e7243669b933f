"""Reuse of scores between a user's jobs: a text keeps the score that an earlier job with the same identity gave it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import NotFoundError
from reviewlens.pipeline.cache_index import BadIndex, Index, IndexWriter, as_words
from reviewlens.pipeline.deduplicate import Duplicates
from reviewlens.pipeline.work import JobContext, Plan, Slice

log = logging.getLogger(__name__)

_MIXED = b"null"
"""Stored instead of an identity when attempts of a job had different ones: no other job may reuse its scores."""


@dataclass(frozen=True)
class Known:
    """Indexes of earlier jobs whose engines reported the same `facts`, newest first."""

    facts: dict[str, object] | None = None
    indexes: Sequence[Index] = ()

    def find(self, words: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Stored scores, shape (len(words),); NaN where no job has one."""
        scores = np.full(len(words), np.nan)
        for index in self.indexes:
            missing = np.isnan(scores)
            if not missing.any():
                break
            scores[missing] = index.find(words[missing])
        return scores


class Earlier:
    """The earlier jobs in the spec that still exist and have the same identity."""

    def __init__(self, job: JobContext, identity: dict[str, object] | None) -> None:
        self._indexes: list[Index] = []
        for earlier in job.spec.reuse_scores_of if identity is not None else ():
            try:
                # The spec names jobs, not keys, so it cannot ask for another user's scores.
                path = job.store.fetch(JobKeys(job.spec.user, earlier).scores, job.scratch / "reuse" / earlier)
                index = Index(path)
            except NotFoundError:
                continue  # deleted since
            except BadIndex:
                log.warning("the scores of job %s cannot be read; its texts are scored again", earlier)
                continue
            if index.label.get("identity") == identity:
                self._indexes.append(index)

    def with_facts(self, facts: dict[str, object] | None) -> Known:
        """The jobs whose engine reported exactly these facts; None: those of the newest job."""
        if facts is None:
            facts = _facts(self._indexes[0]) if self._indexes else None
        return Known(facts, [index for index in self._indexes if _facts(index) == facts])


@dataclass(frozen=True)
class ToScore:
    """A slice's rows to score, ascending, and the scores that earlier jobs have for them (NaN: none)."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows have a score."""
        return ~np.isnan(self.scores)

    def table(self, fresh: pa.Table | None = None) -> pa.Table:
        """The slice's checkpoint; `fresh` (steps.SCORED) holds exactly the rows without a known score."""
        known = self.known
        scores = self.scores.copy()
        if fresh is not None:
            if not np.array_equal(fresh.column("row").to_numpy(), self.rows[~known]):
                raise AssertionError("the engine did not score exactly the rows without a score")
            scores[~known] = fresh.column("positive_score").to_numpy()
        return pa.table({"row": self.rows, "positive_score": scores, "reused": known})


def look_up(job: JobContext, part: Slice, duplicates: Duplicates, known: Known) -> ToScore:
    """The rows of a slice to score, with the scores that earlier jobs have for them."""
    cleaned = job.read_columns(job.work.cleaned(part.number), ["row", "key", "judged"])
    repeated, _ = duplicates.within(part)
    rows = cleaned.column("row").to_numpy()
    unique = np.asarray(cleaned.column("judged")) & ~np.isin(rows, repeated)
    return ToScore(rows[unique], known.find(as_words(cleaned.column("key").filter(pa.array(unique)))))


def store_identity(job: JobContext, identity: dict[str, object] | None, *, replace: bool) -> None:
    """Store the identity of the job's scores; attempts with different identities leave none.

    `replace`: the scores of earlier attempts have been discarded.
    """
    current = json.dumps(identity, sort_keys=True).encode()
    if not replace and job.store.head(job.work.identity) is not None and job.store.get(job.work.identity) != current:
        current = _MIXED
    job.put(job.work.identity, current)


def keep_scores(job: JobContext, plan: Plan) -> None:
    """Keep the job's scores for later jobs if its spec says so, and commit how many were reused."""
    if job.store.head(job.work.reused) is not None:
        return
    parts = [part for part in plan.slices if part.records]
    identity = json.loads(job.store.get(job.work.identity))
    if job.spec.keep_scores and identity is not None:
        path = job.scratch / "scores.arrow"
        label = {"identity": identity, "facts": json.loads(job.store.get(job.work.engine))}
        with IndexWriter(path, label) as index:
            for part in parts:
                job.control.check()
                _add(job, part, index)
        job.control.check_lease()
        job.store.put_file(path, job.keys.scores)
    reused = sum(count_reused(job, part.number) for part in parts)
    job.put(job.work.reused, json.dumps({"rows_reused": reused}).encode())


def reused_scores(job: JobContext) -> int:
    """Number of the job's scores that came from earlier jobs; 0 until `keep_scores` has counted them."""
    if job.store.head(job.work.reused) is None:
        return 0
    return int(json.loads(job.store.get(job.work.reused))["rows_reused"])


def count_reused(job: JobContext, number: int) -> int:
    """Number of scores in one slice that came from earlier jobs."""
    return int(pc.sum(job.read_columns(job.work.scored(number), ["reused"]).column("reused")).as_py() or 0)


def _add(job: JobContext, part: Slice, index: IndexWriter) -> None:
    scores = job.read_table(job.work.scored(part.number))
    cleaned = job.read_columns(job.work.cleaned(part.number), ["row", "key"])
    indices = np.searchsorted(cleaned.column("row").to_numpy(), scores.column("row").to_numpy())
    index.add(as_words(cleaned.column("key").take(pa.array(indices))), scores.column("positive_score").to_numpy())


def _facts(index: Index) -> dict[str, object]:
    facts = index.label["facts"]
    assert isinstance(facts, dict)
    return facts
