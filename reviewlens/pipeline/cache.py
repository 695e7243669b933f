"""Scores across a user's jobs: a text that an earlier job scored under equal conditions keeps its score."""

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
from reviewlens.pipeline.work import Job, Plan, Slice

log = logging.getLogger(__name__)

_MIXED = b"null"
"""In place of an identity: the job's scores were made under more than one, so no other job may have them."""


@dataclass(frozen=True)
class Known:
    """Indexes of earlier jobs whose engines told the same `facts`, newest first."""

    facts: dict[str, object] | None = None
    indexes: Sequence[Index] = ()

    def find(self, words: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Scores as stored, NaN where no job has one."""
        found = np.full(len(words), np.nan)
        for index in self.indexes:
            missing = np.isnan(found)
            if not missing.any():
                break
            found[missing] = index.find(words[missing])
        return found


class Earlier:
    """The earlier jobs that the spec names, as far as they are still there and were made under the same identity."""

    def __init__(self, job: Job, identity: dict[str, object] | None) -> None:
        self._indexes: list[Index] = []
        for name in job.spec.reuse_scores_of if identity is not None else ():
            try:
                # The spec names jobs, never keys: scores of another user cannot be asked for.
                path = job.store.fetch(JobKeys(job.spec.user, name).scores, job.scratch / "reuse" / name)
                index = Index(path)
            except NotFoundError:
                continue  # deleted since: its texts are scored anew
            except BadIndex:
                log.warning("the scores kept with job %s cannot be read; its texts are scored anew", name)
                continue
            if index.label.get("identity") == identity:
                self._indexes.append(index)

    def told(self, facts: dict[str, object] | None) -> Known:
        """The jobs whose engine told just these facts; by default the newest job's."""
        if facts is None:
            facts = _facts(self._indexes[0]) if self._indexes else None
        return Known(facts, [index for index in self._indexes if _facts(index) == facts])


@dataclass(frozen=True)
class ToScore:
    """A slice's first occurrences: their rows, ascending, and the scores that are known already (NaN: not known)."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which have a score."""
        return ~np.isnan(self.scores)

    def table(self, fresh: pa.Table | None = None) -> pa.Table:
        """The slice's checkpoint: `fresh` (steps.SCORED) has just the rows that were not known."""
        known = self.known
        scores = self.scores.copy()
        if fresh is not None:
            if not np.array_equal(fresh.column("row").to_numpy(), self.rows[~known]):
                raise AssertionError("the engine was not given just the texts that are new")
            scores[~known] = fresh.column("positive_score").to_numpy()
        return pa.table({"row": self.rows, "positive_score": scores, "reused": known})


def look_up(job: Job, part: Slice, duplicates: Duplicates, known: Known) -> ToScore:
    """What of a slice is to be scored, and which scores are there already."""
    cleaned = job.read_columns(job.work.cleaned(part.number), ["row", "key", "reason"])
    repeated, _ = duplicates.within(part)
    rows = cleaned.column("row").to_numpy()
    wanted = np.asarray(cleaned.column("reason").is_null()) & ~np.isin(rows, repeated)
    return ToScore(rows[wanted], known.find(as_words(cleaned.column("key").filter(pa.array(wanted)))))


def note_identity(job: Job, identity: dict[str, object] | None, *, afresh: bool) -> None:
    """Write down under what the job's scores are made; attempts that differ leave no common identity.

    `afresh`: the scores of earlier attempts are void.
    """
    present = json.dumps(identity, sort_keys=True).encode()
    if not afresh and job.store.head(job.work.identity) is not None and job.store.get(job.work.identity) != present:
        present = _MIXED
    job.put(job.work.identity, present)


def keep_scores(job: Job, plan: Plan) -> None:
    """Leave the job's scores to later ones, where its spec says so, and commit how many of them were reused."""
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


def reused_scores(job: Job) -> int:
    """How many of the job's scores came from earlier jobs; 0 until `keep_scores` has counted them."""
    if job.store.head(job.work.reused) is None:
        return 0
    return int(json.loads(job.store.get(job.work.reused))["rows_reused"])


def count_reused(job: Job, number: int) -> int:
    """How many scores of one slice came from earlier jobs."""
    return int(pc.sum(job.read_columns(job.work.scored(number), ["reused"]).column("reused")).as_py() or 0)


def _add(job: Job, part: Slice, index: IndexWriter) -> None:
    scores = job.read_table(job.work.scored(part.number))
    cleaned = job.read_columns(job.work.cleaned(part.number), ["row", "key"])
    places = np.searchsorted(cleaned.column("row").to_numpy(), scores.column("row").to_numpy())
    index.add(as_words(cleaned.column("key").take(pa.array(places))), scores.column("positive_score").to_numpy())


def _facts(index: Index) -> dict[str, object]:
    facts = index.label["facts"]
    assert isinstance(facts, dict)
    return facts
