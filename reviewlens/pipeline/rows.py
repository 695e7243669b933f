"""One slice's output rows: joins what was read, cleaned and scored into lines of CSV and a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.outputs import (
    NORMALISED_COLUMNS,
    PREDICTION_COLUMNS,
    PROCESSED_COLUMNS,
    Column,
    arrow_schema,
    names,
    served_columns,
)
from reviewlens.contracts.roles import Role
from reviewlens.model.interface import Prediction, Thresholds
from reviewlens.model.middle import MiddleReader
from reviewlens.model.scorer import decide_all
from reviewlens.pipeline.csvtext import csv_line, csv_lines
from reviewlens.pipeline.in_worker import NO_TEXT, TEXT_EMPTY
from reviewlens.pipeline.work import Plan

EXPLANATIONS = {
    TEXT_EMPTY: "There is no text in this row, or nothing of it is left after cleaning.",
    NO_TEXT: "The text only says that there is none, such as N/A, or consists of stars.",
}

_NO_ROWS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class SliceTables:
    """A slice's checkpoints; None if it has no such rows."""

    raw: pa.Table | None = None
    cleaned: pa.Table | None = None
    scores: pa.Table | None = None
    rejected: pa.Table | None = None

    def own_scores(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The slice's scored rows, ascending, and their scores."""
        if self.scores is None:
            return _NO_ROWS, np.zeros(0)
        return self.scores.column("row").to_numpy(), self.scores.column("positive_score").to_numpy()


@dataclass(frozen=True)
class ResultRows:
    """A slice's part of each output, and what the summary counts."""

    served_csv: str
    processed_csv: str
    rejected_csv: str
    served: pa.Table
    scored: int
    duplicate: int
    predictions: list[Prediction]
    rejected_reasons: list[str]
    unread_dates: int
    unread_ratings: int


def parquet_schema(headers: Sequence[str]) -> pa.Schema:
    """The columns of served.parquet: those of served.csv, then the normalised ones."""
    return arrow_schema([*served_columns(headers), *NORMALISED_COLUMNS])


def served_header(headers: Sequence[str]) -> str:
    """The first line of served.csv."""
    return csv_line(names(served_columns(headers)))


def review_id(input_sha256: str, row: int) -> str:
    """The id of a review; it depends on the file's content and the row only."""
    return hashlib.sha256(f"{input_sha256}:{row}".encode()).hexdigest()[:32]


def build_rows(
    spec: JobSpec,
    plan: Plan,
    tables: SliceTables,
    repeated: NDArray[np.int64],
    first_rows: NDArray[np.int64],
    first_scores: NDArray[np.float64],
    thresholds: Thresholds,
    middle: MiddleReader | None = None,
) -> ResultRows:
    """Join a slice's tables by row. `middle`: reads what the engine does not read of long texts.

    `repeated`, `first_rows`, `first_scores`: its duplicates, the first rows with their texts, and those rows' scores.
    """
    schema = parquet_schema(plan.headers)
    rejected = _unread(tables.rejected)
    if tables.raw is None or tables.cleaned is None:
        return _result(schema.empty_table(), plan, rejected, [], 0, (0, 0))
    raw, cleaned = tables.raw, tables.cleaned
    rows: NDArray[np.int64] = raw.column("row").to_numpy()
    if not np.array_equal(rows, cleaned.column("row").to_numpy()):
        raise AssertionError("a slice's raw and cleaned rows differ")
    own_rows, own_scores = tables.own_scores()
    kept = np.asarray(cleaned.column("reason").is_null())
    scored_rows = np.concatenate([own_rows, repeated])
    order = np.argsort(scored_rows, kind="stable")
    if not np.array_equal(scored_rows[order], rows[kept]):
        raise AssertionError("a slice's scores do not belong to its rows")
    scores = np.concatenate([own_scores, first_scores])[order]
    if not ((scores >= 0) & (scores <= 1)).all():
        raise AssertionError("a score is not a probability")
    duplicate_of = np.concatenate([np.full(len(own_rows), -1), first_rows])[order]
    rejected += _emptied(raw.filter(pa.array(~kept)), cleaned.filter(pa.array(~kept)), len(plan.headers))
    raw, cleaned = raw.filter(pa.array(kept)), cleaned.filter(pa.array(kept))
    predictions = decide_all(cleaned.column("scored").to_pylist(), scores, thresholds, middle)
    served = pa.table(
        [
            *(raw.column(f"c{index}") for index in range(len(plan.headers))),
            pa.array([review_id(spec.input_sha256, int(row)) for row in rows[kept]], pa.string()),
            *(
                pa.array([getattr(prediction, column.name) for prediction in predictions], column.type)
                for column in PREDICTION_COLUMNS
            ),
            pa.array(rows[kept]),
            *(cleaned.column(role.value) for role in Role),
            pa.array(duplicate_of, mask=duplicate_of < 0),
        ],
        schema=schema,
    )
    unread = (_unread_values(raw, cleaned, spec, Role.DATE), _unread_values(raw, cleaned, spec, Role.RATING))
    return _result(served, plan, rejected, predictions, len(repeated), unread, cleaned.column("scored").to_pylist())


def _result(
    served: pa.Table,
    plan: Plan,
    rejected: list[tuple[int, int, int, str, str, str, str]],
    predictions: list[Prediction],
    duplicate: int,
    unread: tuple[int, int],
    scored_texts: Sequence[str] = (),
) -> ResultRows:
    rejected.sort()
    columns = served_columns(plan.headers)
    processed = served.select(["review_id", "_row", *(f"_{role}" for role in Role)]).rename_columns(
        names(PROCESSED_COLUMNS)
    )
    processed = processed.set_column(
        processed.schema.get_field_index(Role.TEXT.value), Role.TEXT.value, pa.array(scored_texts, pa.string())
    )
    return ResultRows(
        served_csv=_csv(columns, served.select(names(columns))),
        processed_csv=_csv(PROCESSED_COLUMNS, processed),
        rejected_csv="".join(csv_line(map(str, values)) for values in rejected),
        served=served,
        scored=len(predictions) - duplicate,
        duplicate=duplicate,
        predictions=predictions,
        rejected_reasons=[values[3] for values in rejected],
        unread_dates=unread[0],
        unread_ratings=unread[1],
    )


def _csv(columns: Sequence[Column], table: pa.Table) -> str:
    return csv_lines([column.fields(values.to_pylist()) for column, values in zip(columns, table.columns, strict=True)])


def _unread(table: pa.Table | None) -> list[tuple[int, int, int, str, str, str, str]]:
    """Rows that could not be read."""
    if table is None:
        return []
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _emptied(raw: pa.Table, cleaned: pa.Table, columns: int) -> list[tuple[int, int, int, str, str, str, str]]:
    """Rows without text; `raw` is their fields as a line of CSV."""
    fields = [raw.column(f"c{index}").to_pylist() for index in range(columns)]
    positions = (raw.column(name).to_pylist() for name in ("row", "start", "end"))
    return [
        (row, start, end, reason, EXPLANATIONS[reason], csv_line(values)[:-1], "")
        for row, start, end, reason, values in zip(
            *positions, cleaned.column("reason").to_pylist(), zip(*fields, strict=True), strict=True
        )
    ]


def _unread_values(raw: pa.Table, cleaned: pa.Table, spec: JobSpec, role: Role) -> int:
    """Number of rows whose date or rating is filled but cannot be read."""
    column = spec.mapping.column(role)
    if column is None:
        return 0
    return sum(
        value is None and bool(text.strip())
        for text, value in zip(
            raw.column(f"c{column}").to_pylist(), cleaned.column(role.value).to_pylist(), strict=True
        )
    )
