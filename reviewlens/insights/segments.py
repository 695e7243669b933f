"""The columns by which reviews can be split, and filters by their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from reviewlens.errors import InputError
from reviewlens.insights.results import Results
from reviewlens.reviews.placeholders import NO_VALUES, PUNCTUATION

PRODUCT = "product"
ADDED = {"question": "Question", "language": "Language"}
"""Columns that a job adds to served.parquet and by which reviews can be split."""


@dataclass(frozen=True)
class Segment:
    """A column to split by. `key`: what filters call it; `column`: its name in served.parquet."""

    key: str
    name: str
    column: str

    def clean(self, raw: pl.Expr) -> pl.Expr:
        """Values of the column without white space around them; null if they are empty or stand for none."""
        return filled_value(raw.str.strip_chars()) if self.key.isdigit() else raw


Segments = Mapping[str, Segment]
"""The segments by key."""


def filled_value(value: pl.Expr) -> pl.Expr:
    """The value, or null if it is empty or stands for none, as `is_no_value` says."""
    none = (value == "") | value.str.to_lowercase().is_in(NO_VALUES) | value.str.contains(rf"^{PUNCTUATION}$")
    return pl.when(none).then(None).otherwise(value)


def segments_of(results: Results) -> dict[str, Segment]:
    """The product, the segments of the job's mapping, and those of ADDED that the results have, in this order."""
    mapping, originals = results.summary.mapping, results.original_columns
    columns = {
        PRODUCT: Segment(PRODUCT, originals[mapping.product] if mapping.product is not None else "Product", "_product")
    }
    columns |= {str(index): Segment(str(index), originals[index], originals[index]) for index in mapping.segments}
    added = {*ADDED} & {*results.scan().collect_schema().names()} - {*originals}
    return columns | {name: Segment(name, label, name) for name, label in ADDED.items() if name in added}


def segment_conditions(wanted: Iterable[str], segments: Segments) -> Iterator[pl.Expr]:
    """One condition for each column of COLUMN:VALUE: any of its values. Errors: InputError (`no-such-segment`)."""
    values: dict[str, set[str]] = {}
    for each in wanted:
        key, _, value = each.partition(":")
        key = str(int(key)) if key.isdigit() else key
        if key not in segments:
            known = ", ".join(segments)
            raise InputError(
                f"The reviews cannot be split by that column; choose one of: {known}.", code="no-such-segment"
            )
        values.setdefault(key, set()).add(value.strip())
    for key, some in values.items():
        of_row = segments[key].clean(pl.col(segments[key].column))
        yield of_row.is_in(some - {""}) | (of_row.is_null() if "" in some else pl.lit(value=False))
