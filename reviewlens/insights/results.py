"""The outputs of one finished job: a lazy table of its served rows, its summary, its rejected rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.outputs import NORMALISED_COLUMNS, OUTPUT_COLUMNS, Column, arrow_schema, names
from reviewlens.contracts.summary import Summary
from reviewlens.errors import NotFoundError
from reviewlens.storage.interface import ObjectStore


@dataclass(frozen=True)
class Results:
    """One job's outputs as local files: `parquet` is the folder served.parquet."""

    parquet: Path
    summary: Summary
    rejected_csv: Path

    def scan(self) -> pl.LazyFrame:
        """All served rows in file order, lazily; without rows an empty table with the same columns."""
        if parts := sorted(self.parquet.glob("*.parquet")):
            return pl.scan_parquet(parts)
        columns = [*map(Column, self.original_columns), *OUTPUT_COLUMNS, *NORMALISED_COLUMNS]
        return pl.LazyFrame(schema=polars_schema(columns))

    @property
    def original_columns(self) -> list[str]:
        """The file's own columns under their names in served.csv, in file order."""
        return [column.served_name for column in self.summary.columns]

    @property
    def served_columns(self) -> list[str]:
        """The columns of served.csv, in order."""
        return [*self.original_columns, *names(OUTPUT_COLUMNS)]


def polars_schema(columns: Iterable[Column]) -> pl.Schema:
    """The columns as a Polars schema."""
    return pl.DataFrame(arrow_schema(columns).empty_table()).schema


def open_results(store: ObjectStore, user: str, job: str, cache_dir: Path) -> Results:
    """Open a finished job's outputs; copies are kept under `cache_dir` if the store is not on this machine.

    Errors: NotFoundError (`no-results`) if the job has not succeeded.
    """
    keys = JobKeys(user, job)
    try:
        summary = Summary.model_validate_json(store.get(keys.summary))
    except NotFoundError as error:
        raise NotFoundError(
            "This job has no results: it has not finished, or it did not succeed.", code="no-results"
        ) from error
    folder = cache_dir / user / job
    return Results(
        parquet=store.fetch_prefix(keys.served_parquet, folder / "served.parquet"),
        summary=summary,
        rejected_csv=store.fetch(keys.rejected_csv, folder / "rejected.csv"),
    )
