"""Reviews to read: pages in a stable order under filters, and rows by number."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import polars as pl

from reviewlens.contracts.outputs import NORMALISED_COLUMNS, OUTPUT_COLUMNS, names
from reviewlens.errors import InputError
from reviewlens.insights.filters import condition
from reviewlens.insights.models import Filters, Review, ReviewPage, Sort
from reviewlens.insights.results import Results

_KEYS = {"row": "_row", "confidence": "confidence", "date": "_date", "rating": "_rating"}


def query_reviews(
    results: Results, filters: Filters, sort: Sort = "row", limit: int = 50, cursor: str = ""
) -> ReviewPage:
    """One page; pages follow one another without gap or repeat. Equal keys stay in file order, missing ones come last.

    `cursor`: the `next_cursor` of the page before, with the same sort; '' for the first page.
    Errors: InputError (bad-cursor).
    """
    key, descending = _KEYS[sort.removeprefix("-")], sort.startswith("-")
    matching = results.scan().filter(condition(filters))
    wanted = matching.select(pl.col("_row").alias("row"), pl.col(key).alias("key"))
    if cursor:
        wanted = wanted.filter(_after(*_read_cursor(cursor, sort), descending=descending))
    # With the row number as key, its direction must hold for equal keys too.
    ordered = wanted.sort("key", "row", descending=[descending, False], nulls_last=True).head(limit + 1)
    counted, page = pl.collect_all([matching.select(pl.len()), ordered], engine="streaming")
    rows = page["row"].to_list()
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = _write_cursor(sort, page["key"][limit - 1], rows[-1])
    return ReviewPage(reviews=reviews_by_row(results, rows), total=int(counted.item()), next_cursor=following)


def reviews_by_row(results: Results, rows: Iterable[int]) -> list[Review]:
    """The reviews with these row numbers, in the order given."""
    order = list(rows)
    if not order:
        return []
    frame = (
        results.scan()
        .filter(pl.col("_row").is_in(set(order)))
        .select(
            *names(OUTPUT_COLUMNS), *(pl.col(name).alias(name.removeprefix("_")) for name in names(NORMALISED_COLUMNS))
        )
        .collect(engine="streaming")
    )
    found = {row["row"]: _review(row) for row in frame.iter_rows(named=True)}
    return [found[row] for row in order]


def _review(row: dict[str, Any]) -> Review:
    return Review.model_validate({**row, "text": row["text"] or ""})


def _after(value: Any, row: int, *, descending: bool) -> pl.Expr:
    """True for what follows (value, row) in the order asked for, where a missing value comes last."""
    key = pl.col("key")
    if value is None:
        return key.is_null() & (pl.col("row") > row)
    beyond: pl.Expr = key < value if descending else key > value
    same: pl.Expr = key == value
    return (beyond | (same & (pl.col("row") > row)) | key.is_null()).fill_null(value=False)


def _write_cursor(sort: Sort, value: Any, row: int) -> str:
    plain = value.isoformat() if isinstance(value, dt.date) else value
    return base64.urlsafe_b64encode(json.dumps([sort, plain, row]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: Sort) -> tuple[Any, int]:
    try:
        made_for, value, row = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if made_for != sort or type(row) is not int or not 0 <= row < 2**63:
            raise ValueError("made for another order, or no row of any file")
        if value is not None:
            value = dt.date.fromisoformat(value) if sort.endswith("date") else float(value)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise InputError(
            "This page marker does not belong to this list; start again from the first page.", code="bad-cursor"
        ) from error
    return value, row
