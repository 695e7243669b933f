"""Stage 5: join rows, cleaned texts and scores into parts of the outputs, and account for every row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from math import fsum
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.stages import JobStage
from reviewlens.model.interface import Thresholds
from reviewlens.model.locate import local_model
from reviewlens.model.middle import MiddleReader
from reviewlens.pipeline.deduplicate import Duplicates, load_duplicates
from reviewlens.pipeline.infer import checked_model
from reviewlens.pipeline.rows import ResultRows, SliceTables, build_rows, parquet_schema
from reviewlens.pipeline.work import JobContext, Plan, Slice

PART_ROWS = 50_000
PART_CHARS = 128_000_000
OUTPUTS = ("served.csv", "processed.csv", "rejected.csv", "served.parquet")


@dataclass
class Tally:
    """Counts over some rows. `scored`, `duplicate`, sentiments, `needs_review` and `mixed` count texts."""

    rows: int = 0
    rows_with_text: int = 0
    texts: int = 0
    scored: int = 0
    duplicate: int = 0
    not_judged: int = 0
    rejected: int = 0
    positive: int = 0
    negative: int = 0
    needs_review: int = 0
    mixed: int = 0
    unread_dates: int = 0
    unread_ratings: int = 0
    confidence_sum: float = 0.0
    rejected_reasons: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add the counts of more rows."""
        for name, value in vars(other).items():
            if name in ("rejected_reasons", "languages"):
                setattr(self, name, dict(Counter(getattr(self, name)) + Counter(value)))
            elif name == "confidence_sum":
                self.confidence_sum = fsum((self.confidence_sum, value))
            else:
                setattr(self, name, getattr(self, name) + value)

    def check(self) -> None:
        """Raise AssertionError unless every row has a text or is rejected, and every text is scored, a duplicate or not
        judged.
        """
        if self.rows != self.rows_with_text + self.rejected:
            raise AssertionError(f"row counts do not add up: {asdict(self)}")
        if self.texts != self.scored + self.duplicate + self.not_judged or self.texts < self.rows_with_text:
            raise AssertionError(f"text counts do not add up: {asdict(self)}")
        if self.scored + self.duplicate != self.positive + self.negative:
            raise AssertionError(f"sentiment counts do not add up: {asdict(self)}")
        if max(self.needs_review, self.mixed) > self.scored + self.duplicate:
            raise AssertionError(f"more rows are marked than served: {asdict(self)}")
        if self.rejected != sum(self.rejected_reasons.values()):
            raise AssertionError(f"reason counts do not add up: {asdict(self)}")
        if self.texts != sum(self.languages.values()):
            raise AssertionError(f"language counts do not add up: {asdict(self)}")


class FirstScores:
    """The scores of texts that have duplicates."""

    def __init__(self, duplicates: Duplicates) -> None:
        self._rows = np.unique(duplicates.first_rows)
        self._scores = np.full(len(self._rows), np.nan)

    def add(self, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Keep those of a slice's scores that duplicates need."""
        indices = np.searchsorted(self._rows, rows)
        repeated = indices < len(self._rows)
        repeated[repeated] = self._rows[indices[repeated]] == rows[repeated]
        self._scores[indices[repeated]] = scores[repeated]

    def of(self, first_rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores of first rows; each must have been added before."""
        return self._scores[np.searchsorted(self._rows, first_rows)]


def assemble(job: JobContext, plan: Plan) -> None:
    """Commit every part that is not committed yet."""
    duplicates = load_duplicates(job)
    first_scores = FirstScores(duplicates)
    thresholds = thresholds_of(json.loads(job.store.get(job.work.engine)))
    middle = lru_cache(maxsize=1)(lambda: open_middle(job.spec))  # opened when the first part needs it
    with job.progress.stage(JobStage.ASSEMBLE, 0, plan.rows):
        for number, group in enumerate(groups(plan)):
            job.control.check()
            rows = sum(part.rows for part in group)
            assembled = job.store.head(job.work.part(number, "tally.json")) is not None
            if assembled:
                for part in group:
                    _add_scores(job, part, first_scores)
            else:
                _assemble_group(job, plan, number, group, duplicates, first_scores, thresholds, middle())
            job.progress.advance(rows, keeps=not assembled)


def open_middle(spec: JobSpec) -> MiddleReader | None:
    """The reader of what the spec's engine does not read of long texts. Errors: as for `checked_model`."""
    model, _ = checked_model(spec)
    return MiddleReader.open(spec.engine, local_model(model))


def thresholds_of(facts: dict[str, Any]) -> Thresholds:
    """The thresholds among an engine's facts; without a band no row is mixed."""
    band = facts["mixed_band"]
    return Thresholds(
        needs_review=float(facts["needs_review_below"]),
        mixed=None if band is None else (float(band[0]), float(band[1])),
    )


def groups(plan: Plan) -> Iterator[list[Slice]]:
    """Slices grouped into parts large enough for Parquet readers; the plan alone decides the groups."""
    group: list[Slice] = []
    for part in plan.slices:
        group.append(part)
        if sum(s.rows for s in group) >= PART_ROWS or sum(s.chars for s in group) >= PART_CHARS:
            yield group
            group = []
    if group:
        yield group


def _assemble_group(
    job: JobContext,
    plan: Plan,
    number: int,
    group: list[Slice],
    duplicates: Duplicates,
    first_scores: FirstScores,
    thresholds: Thresholds,
    middle: MiddleReader | None,
) -> None:
    total = Tally()
    schema = parquet_schema(plan.headers, question=job.spec.mapping.asks_several)
    with _PartWriter(job.scratch / "parts", schema) as writer:
        for part in group:
            tables = _load(job, part)
            first_scores.add(*tables.own_scores())
            repeated, first_rows = duplicates.within(part)
            scores = first_scores.of(first_rows)
            rows = build_rows(job.spec, plan, tables, repeated, first_rows, scores, thresholds, middle)
            writer.write(rows)
            tally = _count(part, rows)
            tally.check()
            total.add(tally)
    for name in OUTPUTS:
        job.control.check_lease()
        job.store.put_file(writer.path(name), job.work.part(number, name))
    job.put(job.work.part(number, "tally.json"), json.dumps(asdict(total)).encode())


def _count(part: Slice, rows: ResultRows) -> Tally:
    predictions = rows.predictions
    positive = sum(prediction.sentiment == "positive" for prediction in predictions)
    return Tally(
        rows=part.rows,
        rows_with_text=rows.rows_with_text,
        texts=rows.served.num_rows,
        scored=rows.scored,
        duplicate=rows.duplicate,
        not_judged=rows.not_judged,
        rejected=len(rows.rejected_reasons),
        positive=positive,
        negative=len(predictions) - positive,
        needs_review=sum(prediction.needs_review for prediction in predictions),
        mixed=sum(prediction.mixed for prediction in predictions),
        unread_dates=rows.unread_dates,
        unread_ratings=rows.unread_ratings,
        confidence_sum=fsum(prediction.confidence for prediction in predictions),
        rejected_reasons=dict(Counter(rows.rejected_reasons)),
        languages=rows.languages,
    )


def _load(job: JobContext, part: Slice) -> SliceTables:
    work, number = job.work, part.number
    return SliceTables(
        raw=job.read_table(work.raw(number)) if part.records else None,
        cleaned=job.read_table(work.cleaned(number)) if part.records else None,
        scores=job.read_table(work.scored(number)) if part.records else None,
        rejected=job.read_table(work.raw_rejected(number)) if part.rejected else None,
    )


def _add_scores(job: JobContext, part: Slice, first_scores: FirstScores) -> None:
    if part.records:
        first_scores.add(*SliceTables(scores=job.read_table(job.work.scored(part.number))).own_scores())


class _PartWriter:
    """Writes the four output files of a group of slices in the job's scratch folder."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema

    def path(self, name: str) -> Path:
        return self._folder / name

    def __enter__(self) -> _PartWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._texts = {
            name: self.path(name).open("w", encoding="utf-8", newline="") for name in OUTPUTS if name.endswith(".csv")
        }
        self._parquet = pq.ParquetWriter(self.path("served.parquet"), self._schema, compression="zstd")
        return self

    def write(self, rows: ResultRows) -> None:
        self._texts["served.csv"].write(rows.served_csv)
        self._texts["processed.csv"].write(rows.processed_csv)
        self._texts["rejected.csv"].write(rows.rejected_csv)
        if rows.served.num_rows:
            self._parquet.write_table(rows.served)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._texts.values():
            file.close()
        self._parquet.close()
