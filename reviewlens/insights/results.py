"""The outputs of one finished job, opened for questions: a lazy table, its summary, the rows set aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.outputs import served_names
from reviewlens.errors import NotFoundError
from reviewlens.storage.interface import ObjectStore

SCORE_COLUMNS: dict[str, Any] = {
    "review_id": pl.String,
    "sentiment": pl.String,
    "confidence": pl.Float64,
    "positive_score": pl.Float64,
    "needs_review": pl.Boolean,
    "mixed": pl.Boolean,
}
NORMAL_COLUMNS: dict[str, Any] = {
    "_row": pl.Int64,
    "_text": pl.String,
    "_title": pl.String,
    "_rating": pl.Float64,
    "_date": pl.Date,
    "_product": pl.String,
    "_duplicate_of": pl.Int64,
}


@dataclass(frozen=True)
class Results:
    """One job's outputs as local files: `parquet` is the folder served.parquet, `summary` the parsed summary."""

    parquet: Path
    summary: dict[str, Any]
    rejected_csv: Path

    def scan(self) -> pl.LazyFrame:
        """All served rows in file order, lazily; no rows at all give an empty table with the same columns."""
        parts = sorted(self.parquet.glob("*.parquet"))
        if not parts:
            return pl.LazyFrame(
                schema={**dict.fromkeys(self.original_columns, pl.String), **SCORE_COLUMNS, **NORMAL_COLUMNS}
            )
        rows = pl.scan_parquet(parts)
        if self.tells_mixed:
            return rows
        # A column of the file's own may have that name: it is called here as a job would call it today.
        today = dict(zip(self._names_then, self.original_columns, strict=True))
        return rows.rename(today).with_columns(mixed=pl.lit(value=False))

    @property
    def tells_mixed(self) -> bool:
        """Whether the job has the column `mixed`; one from before there was such a column does not."""
        return "mixed" in self.summary

    @property
    def original_columns(self) -> list[str]:
        """The file's own columns under their names in served.csv, in file order."""
        if self.tells_mixed:
            return self._names_then
        return served_names([str(column.get("name", "")) for column in self.summary.get("columns", [])])

    @property
    def served_columns(self) -> list[str]:
        """The columns of served.csv, in order."""
        ours = [name for name in SCORE_COLUMNS if name != "mixed" or self.tells_mixed]
        return [*self.original_columns, *ours]

    @property
    def _names_then(self) -> list[str]:
        return [str(column["served_name"]) for column in self.summary.get("columns", [])]

    def count(self, name: str) -> int:
        """A count from the summary, e.g. rows_read."""
        return int(self.summary.get(name) or 0)


def open_results(store: ObjectStore, user: str, job: str, cache_dir: Path) -> Results:
    """Open a finished job's outputs; copies are kept under `cache_dir` where the store is not on this machine.

    Errors: NotFoundError when the job has no summary, that is, has not finished successfully.
    """
    keys = JobKeys(user, job)
    try:
        summary = json.loads(store.get(keys.summary))
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
