"""The columns of every output, written once: name, Arrow type, and how CSV shows a value."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from reviewlens.contracts.roles import Role

_TEXT = pa.string()
CSV_DECIMALS = 6
"""Decimals of scores in CSV."""


def _score(value: float) -> str:
    return f"{value:.{CSV_DECIMALS}f}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _rating(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


@dataclass(frozen=True)
class Column:
    """One column. `csv` writes a value that is not null; null is an empty field."""

    name: str
    type: pa.DataType = _TEXT
    csv: Callable[[Any], str] = str

    def fields(self, values: Iterable[Any]) -> list[str]:
        """Values as CSV shows them, before quoting."""
        return ["" if value is None else self.csv(value) for value in values]


def _role_column(role: Role, prefix: str = "") -> Column:
    """A role's normalised values; a role that is not listed here holds text."""
    name = f"{prefix}{role}"
    match role:
        case Role.RATING:
            return Column(name, pa.float64(), _rating)
        case Role.DATE:
            return Column(name, pa.date32(), dt.date.isoformat)
        case _:
            return Column(name)


ROLE_COLUMNS = tuple(_role_column(role) for role in Role)
"""What cleaning makes of each role's values: text, rating from 1 to 5, date."""

REVIEW_ID = Column("review_id")

PREDICTION_COLUMNS = (
    Column("sentiment"),
    Column("confidence", pa.float64(), _score),
    Column("positive_score", pa.float64(), _score),
    Column("needs_review", pa.bool_(), _flag),
    Column("mixed", pa.bool_(), _flag),
)
"""The fields of the model's `Prediction` of the same names; of a text that is not judged, `sentiment` is NOT_JUDGED,
the scores are null, and the flags false."""

NOT_JUDGED = "not judged"
"""The `sentiment` of a text in a language that the model was not validated for."""

LANGUAGE_COLUMNS = (Column("language"), Column("not_judged"))
"""The code of the text's language, and why the text has no sentiment; null if it has one."""

OUTPUT_COLUMNS = (REVIEW_ID, *PREDICTION_COLUMNS, *LANGUAGE_COLUMNS)
"""Columns that `served.csv` and `served.parquet` have after the file's own."""

NORMALISED_COLUMNS = (
    Column("_row", pa.int64()),
    *(_role_column(role, "_") for role in Role),
    Column("_duplicate_of", pa.int64()),
)
"""Further columns of `served.parquet`, for queries."""

QUESTION = Column("question")
"""Last column of every output of a job that reads several texts of a row as a review each: the header of the text."""

PROCESSED_COLUMNS = (REVIEW_ID, Column("row", pa.int64()), *ROLE_COLUMNS)
"""Columns of `processed.csv`; its `text` is title and text as the model reads them."""

REJECTED_COLUMNS = (
    Column("row", pa.int64()),
    Column("byte_start", pa.int64()),
    Column("byte_end", pa.int64()),
    Column("reason"),
    Column("explanation"),
    Column("raw"),
    Column("raw_base64"),
)
"""Columns of `rejected.csv`."""


def names(columns: Iterable[Column]) -> list[str]:
    """The columns' names, in order."""
    return [column.name for column in columns]


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """The columns as an Arrow schema."""
    return pa.schema([(column.name, column.type) for column in columns])


def served_columns(headers: Sequence[str], *, question: bool = False) -> tuple[Column, ...]:
    """The columns of `served.csv`: the file's own as text, then OUTPUT_COLUMNS, and QUESTION if there are several."""
    return (*map(Column, served_names(headers)), *OUTPUT_COLUMNS, *([QUESTION] if question else []))


def column_labels(headers: Sequence[str]) -> list[str]:
    """A unique name for each column: its header, or its name in `served.csv` where the header is empty or repeated."""
    counts = Counter(header.strip() for header in headers)
    return [
        header.strip() if header.strip() and counts[header.strip()] == 1 else name
        for header, name in zip(headers, served_names(headers), strict=True)
    ]


_RESERVED = frozenset(names((*OUTPUT_COLUMNS, *NORMALISED_COLUMNS, QUESTION)))


def served_names(headers: Sequence[str]) -> list[str]:
    """The name of each column in `served.csv`, in file order, unique without regard to case.

    A header with the name of one of our columns, or one that differs from an earlier header only in case, gets the
    suffix `_original`; an exact repeat gets `_2`, `_3`, …; an empty header becomes `column_N` (N counts from 1). If
    such a name is taken too, a number is added. A header that needs no change keeps its name.
    """
    cleaned = [" ".join(header.replace("\x00", "").split()) for header in headers]
    first: dict[str, int] = {}  # case-folded name -> the column that keeps it
    for index, name in enumerate(cleaned):
        if name and name.casefold() not in _RESERVED:
            first.setdefault(name.casefold(), index)
    taken = set(_RESERVED) | set(first)
    served: list[str] = []
    for index, name in enumerate(cleaned):
        folded = name.casefold()
        if name and first.get(folded) == index:
            served.append(name)
            continue
        if not name:
            wanted, again = f"column_{index + 1}", f"column_{index + 1}_"
        elif folded in _RESERVED or cleaned[first[folded]] != name:
            wanted, again = f"{name}_original", f"{name}_original_"
        else:
            wanted, again = f"{name}_2", f"{name}_"
        number = 2
        while wanted.casefold() in taken:
            wanted = f"{again}{number}"
            number += 1
        taken.add(wanted.casefold())
        served.append(wanted)
    return served
