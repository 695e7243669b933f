"""The outputs of one finished job, opened for questions: a lazy table, its summary, the rows set aside."""

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
        """All served rows in file order, lazily; no rows at all give an empty table with the same columns."""
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
    """Open a finished job's outputs; copies are kept under `cache_dir` where the store is not on this machine.

    Errors: NotFoundError when the job has no summary, that is, has not finished successfully.
    """
    keys = JobKeys(user, job)
    try:
        summary = Summary.model_validate_json(store.get(keys.summary))
    except NotFoundError as error:
        raise NotFoundError(
            "This analysis has no results: it has not finished, or it did not succeed.", code="no-results"
        ) from error
    into = cache_dir / user / job
    return Results(
        parquet=store.fetch_prefix(keys.served_parquet, into / "served.parquet"),
        summary=summary,
        rejected_csv=store.fetch(keys.rejected_csv, into / "rejected.csv"),
    )
