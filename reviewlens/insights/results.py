"""The outputs of one finished job: a lazy table of its served rows, its summary, its rejected rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.outputs import (
    LANGUAGE_COLUMNS,
    NORMALISED_COLUMNS,
    OUTPUT_COLUMNS,
    QUESTION,
    Column,
    arrow_schema,
    column_labels,
    names,
)
from reviewlens.contracts.summary import Summary
from reviewlens.errors import NotFoundError, TerminalError
from reviewlens.storage.interface import ObjectStore

QUESTION_KEY = "_question"
"""Column of `Results.scan` with the question that a review answers."""


@dataclass(frozen=True)
class Results:
    """One job's outputs as local files: `parquet` is the folder served.parquet."""

    parquet: Path
    summary: Summary
    rejected_csv: Path

    def scan(self) -> pl.LazyFrame:
        """All served rows in file order, lazily; without rows an empty table with the same columns.

        `_row` is the number of the text, which `row_of` turns into the row of the file; `_question` is the question
        that it answers, null in a job that reads one text of a row.
        """
        question = pl.col(QUESTION.name) if self.asks_several else pl.lit(None, pl.String)
        if parts := sorted(self.parquet.glob("*.parquet")):
            return _with_languages(pl.scan_parquet(parts)).with_columns(question.alias(QUESTION_KEY))
        columns = [*map(Column, self.served_columns), *NORMALISED_COLUMNS]
        typed = {column.name: column for column in OUTPUT_COLUMNS}
        schema = polars_schema([typed.get(column.name, column) for column in columns])
        return pl.LazyFrame(schema=schema).with_columns(question.alias(QUESTION_KEY))

    @property
    def asks_several(self) -> bool:
        """Whether each of several texts of a row is a review."""
        return self.summary.mapping.asks_several

    @property
    def questions(self) -> list[str]:
        """The questions that the reviews answer; [] in a job that reads one text of a row."""
        if not self.asks_several:
            return []
        labels = column_labels([column.name for column in self.summary.columns])
        return [labels[column] for column in self.summary.mapping.texts]

    def row_of(self, text: int) -> int:
        """The row of the file of a text."""
        return self.summary.mapping.row_of(text)

    def texts_of(self, row: int) -> range:
        """The numbers of the texts that a row of the file can have."""
        count = self.summary.mapping.texts_per_row
        return range((row - 1) * count + 1, row * count + 1)

    @property
    def original_columns(self) -> list[str]:
        """The file's own columns under their names in served.csv, in file order."""
        return [column.served_name for column in self.summary.columns]

    @property
    def served_columns(self) -> list[str]:
        """The columns of served.csv, in order."""
        return [*self.original_columns, *names(OUTPUT_COLUMNS), *([QUESTION.name] if self.asks_several else [])]


def _with_languages(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add the columns of languages to results that were made before languages were detected."""
    present = rows.collect_schema().names()
    missing = [name for name in names(LANGUAGE_COLUMNS) if name not in present]
    return rows.with_columns(pl.lit(None, pl.String).alias(name) for name in missing) if missing else rows


def polars_schema(columns: Iterable[Column]) -> pl.Schema:
    """The columns as a Polars schema."""
    return pl.DataFrame(arrow_schema(columns).empty_table()).schema


def open_results(store: ObjectStore, user: str, job: str, cache_dir: Path) -> Results:
    """Open a finished job's outputs; copies are kept under `cache_dir` if the store is not on this machine.

    Errors: NotFoundError (`no-results`) if the job has not succeeded, TerminalError (`results-damaged`).
    """
    keys = JobKeys(user, job)
    try:
        summary = Summary.model_validate_json(store.get(keys.summary))
    except NotFoundError as error:
        raise NotFoundError(
            "This job has no results: it has not finished, or it did not succeed.", code="no-results"
        ) from error
    except ValidationError as error:
        raise damaged_results(job) from error
    folder = cache_dir / user / job
    results = Results(
        parquet=store.fetch_prefix(keys.served_parquet, folder / "served.parquet"),
        summary=summary,
        rejected_csv=store.fetch(keys.rejected_csv, folder / "rejected.csv"),
    )
    with reading_results(job):
        for part in results.parquet.glob("*.parquet"):  # a part that was cut off has no footer
            pl.read_parquet_schema(part)
    return results


@contextmanager
def reading_results(job: str) -> Iterator[None]:
    """Around what reads a job's results: TerminalError (`results-damaged`) when their Parquet files are damaged."""
    try:
        yield
    except pl.exceptions.ComputeError as error:
        raise damaged_results(job) from error


def damaged_results(job: str) -> TerminalError:
    """The error for outputs that cannot be read although the job succeeded."""
    return TerminalError(
        f"The stored results of job {job} are damaged. Delete the job and analyse the file again.",
        code="results-damaged",
        details={"job_id": job},
    )
