"""One slice's output rows: joins what was read, cleaned and scored into lines of CSV and a table."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.languages import not_judged_reason
from reviewlens.contracts.outputs import (
    NORMALISED_COLUMNS,
    NOT_JUDGED,
    PREDICTION_COLUMNS,
    PROCESSED_COLUMNS,
    QUESTION,
    Column,
    arrow_schema,
    column_labels,
    names,
    served_columns,
)
from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import Mapping
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

_NOT_JUDGED = {"sentiment": NOT_JUDGED, "needs_review": False, "mixed": False}
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
    """A slice's part of each output, and what the summary counts. `scored` and `duplicate` count texts."""

    served_csv: str
    processed_csv: str
    rejected_csv: str
    served: pa.Table
    scored: int
    duplicate: int
    rows_with_text: int
    languages: dict[str, int]
    not_judged: int
    predictions: list[Prediction]
    rejected_reasons: list[str]
    unread_dates: int
    unread_ratings: int


def parquet_schema(headers: Sequence[str], *, question: bool = False) -> pa.Schema:
    """The columns of served.parquet: those of served.csv, then the normalised ones. `question`: with QUESTION."""
    return arrow_schema([*served_columns(headers, question=question), *NORMALISED_COLUMNS])


def served_header(headers: Sequence[str], *, question: bool = False) -> str:
    """The first line of served.csv."""
    return csv_line(names(served_columns(headers, question=question)))


def processed_columns(*, question: bool = False) -> tuple[Column, ...]:
    """The columns of processed.csv."""
    return (*PROCESSED_COLUMNS, *([QUESTION] if question else []))


def review_id(input_sha256: str, row: int, column: int | None = None) -> str:
    """The id of a review; it depends on the file's content and the row only.

    `column`: that of the text, where a row can hold several reviews.
    """
    place = f"{row}" if column is None else f"{row}:{column}"
    return hashlib.sha256(f"{input_sha256}:{place}".encode()).hexdigest()[:32]


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
    """Join a slice's tables by text. `middle`: reads what the engine does not read of long texts.

    `repeated`, `first_rows`, `first_scores`: its duplicates, the first texts like them, and those texts' scores.
    """
    mapping = spec.mapping
    schema = parquet_schema(plan.headers, question=mapping.asks_several)
    rejected = _unread(tables.rejected)
    if tables.raw is None or tables.cleaned is None:
        return _result(schema.empty_table(), spec, plan, rejected, [], 0, (0, 0))
    raw, cleaned = tables.raw, tables.cleaned
    rows: NDArray[np.int64] = cleaned.column("row").to_numpy()
    raw = _for_each_text(raw, rows, mapping)
    own_rows, own_scores = tables.own_scores()
    kept = np.asarray(cleaned.column("reason").is_null())
    judged = np.asarray(cleaned.column("judged"))
    scored_rows = np.concatenate([own_rows, repeated])
    order = np.argsort(scored_rows, kind="stable")
    if not np.array_equal(scored_rows[order], rows[judged]):
        raise AssertionError("a slice's scores do not belong to its rows")
    scores = np.concatenate([own_scores, first_scores])[order]
    if not ((scores >= 0) & (scores <= 1)).all():
        raise AssertionError("a score is not a probability")
    duplicate_of = np.full(len(rows), -1)
    duplicate_of[judged] = np.concatenate([np.full(len(own_rows), -1), first_rows])[order]
    judged_texts = cleaned.column("scored").filter(pa.array(judged)).to_pylist()
    predictions = decide_all(judged_texts, scores, thresholds, middle)
    rejected += _emptied(raw.filter(pa.array(~kept)), cleaned.filter(pa.array(~kept)), len(plan.headers))
    raw, cleaned = raw.filter(pa.array(kept)), cleaned.filter(pa.array(kept))
    duplicate_of, judged = duplicate_of[kept], judged[kept]
    languages = cleaned.column("language").to_pylist()
    served = pa.table(
        [
            *(raw.column(f"c{index}") for index in range(len(plan.headers))),
            pa.array(_review_ids(spec, rows[kept]), pa.string()),
            *_prediction_columns(predictions, judged),
            pa.array(languages, pa.string()),
            _reasons(languages, judged, spec.languages),
            *([_questions(cleaned, plan, mapping)] if mapping.asks_several else []),
            pa.array(rows[kept]),
            *(cleaned.column(role.value) for role in Role),
            pa.array(duplicate_of, mask=duplicate_of < 0),
        ],
        schema=schema,
    )
    texts = cleaned.column("scored").to_pylist()
    if mapping.asks_several:  # values of a row are counted once
        firsts = pa.array(np.unique(raw.column("row").to_numpy(), return_index=True)[1])
        raw, cleaned = raw.take(firsts), cleaned.take(firsts)
    unread = (_unread_values(raw, cleaned, spec, Role.DATE), _unread_values(raw, cleaned, spec, Role.RATING))
    return _result(served, spec, plan, rejected, predictions, len(repeated), unread, texts)


def _result(
    served: pa.Table,
    spec: JobSpec,
    plan: Plan,
    rejected: list[tuple[int, int, int, str, str, str, str]],
    predictions: list[Prediction],
    duplicate: int,
    unread: tuple[int, int],
    scored_texts: Sequence[str] = (),
) -> ResultRows:
    rejected.sort()
    question = spec.mapping.asks_several
    columns, columns_processed = served_columns(plan.headers, question=question), processed_columns(question=question)
    processed = served.select(
        ["review_id", "_row", *(f"_{role}" for role in Role), *([QUESTION.name] if question else [])]
    ).rename_columns(names(columns_processed))
    rows = _rows_of(served.column("_row").to_numpy(), spec.mapping)
    for column, values in (("row", pa.array(rows, pa.int64())), (Role.TEXT.value, pa.array(scored_texts, pa.string()))):
        processed = processed.set_column(processed.schema.get_field_index(column), column, values)
    return ResultRows(
        served_csv=_csv(columns, served.select(names(columns))),
        processed_csv=_csv(columns_processed, processed),
        rejected_csv="".join(csv_line(map(str, values)) for values in rejected),
        served=served,
        scored=len(predictions) - duplicate,
        duplicate=duplicate,
        rows_with_text=len(np.unique(rows)),
        languages=dict(Counter(served.column("language").to_pylist())),
        not_judged=served.num_rows - len(predictions),
        predictions=predictions,
        rejected_reasons=[values[3] for values in rejected],
        unread_dates=unread[0],
        unread_ratings=unread[1],
    )


def _rows_of(texts: NDArray[np.int64], mapping: Mapping) -> NDArray[np.int64]:
    """The row of each text, as `Mapping.row_of`."""
    return (texts - 1) // mapping.texts_per_row + 1


def _for_each_text(raw: pa.Table, texts: NDArray[np.int64], mapping: Mapping) -> pa.Table:
    """The raw row of each text. Every row must have a text."""
    raw_rows: NDArray[np.int64] = raw.column("row").to_numpy()
    rows = _rows_of(texts, mapping)
    if not np.array_equal(np.unique(rows), raw_rows):
        raise AssertionError("a slice's raw and cleaned rows differ")
    return raw if len(rows) == len(raw_rows) else raw.take(pa.array(np.searchsorted(raw_rows, rows)))


def _review_ids(spec: JobSpec, texts: NDArray[np.int64]) -> list[str]:
    mapping, sha256 = spec.mapping, spec.input_sha256
    if not mapping.asks_several:
        return [review_id(sha256, int(row)) for row in texts]
    return [review_id(sha256, mapping.row_of(int(text)), mapping.text_column_of(int(text))) for text in texts]


def _questions(cleaned: pa.Table, plan: Plan, mapping: Mapping) -> pa.Array:
    """The header of each text's column; null where the title is the text."""
    labels = column_labels(plan.headers)
    texts, titles = cleaned.column("row").to_pylist(), cleaned.column(Role.TITLE.value).to_pylist()
    return pa.array(
        [
            labels[mapping.text_column_of(text)] if title is None else None
            for text, title in zip(texts, titles, strict=True)
        ],
        pa.string(),
    )


def _prediction_columns(predictions: Sequence[Prediction], judged: NDArray[np.bool_]) -> list[pa.Array]:
    """PREDICTION_COLUMNS of all served rows. `predictions`: those of the judged ones."""
    order = np.cumsum(judged) - 1
    return [
        pa.array(
            [
                getattr(predictions[place], column.name) if is_judged else _NOT_JUDGED.get(column.name)
                for place, is_judged in zip(order.tolist(), judged.tolist(), strict=True)
            ],
            column.type,
        )
        for column in PREDICTION_COLUMNS
    ]


def _reasons(languages: Sequence[str], judged: NDArray[np.bool_], read: Sequence[str]) -> pa.Array:
    """Why rows are not judged; null for those that are."""
    return pa.array(
        [
            None if is_judged else not_judged_reason(language, read)
            for language, is_judged in zip(languages, judged.tolist(), strict=True)
        ],
        pa.string(),
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
