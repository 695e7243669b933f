"""Reviews to read: filtered pages in a stable order, and reviews by the number of their text."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Collection, Iterable
from typing import Any

import polars as pl

from reviewlens.contracts.outputs import NORMALISED_COLUMNS, OUTPUT_COLUMNS, names
from reviewlens.errors import InputError
from reviewlens.insights.filters import condition
from reviewlens.insights.models import Filters, Review, ReviewPage, Sort
from reviewlens.insights.results import QUESTION_KEY, Results

_TOO_LARGE = 2**63
_KEYS = {"row": "_row", "confidence": "confidence", "date": "_date", "rating": "_rating"}


def query_reviews(
    results: Results, filters: Filters, sort: Sort = "row", limit: int = 50, cursor: str = ""
) -> ReviewPage:
    """One page. Consecutive pages have no gap or repeat; equal values are in file order, missing ones come last.

    `cursor`: the `next_cursor` of the page before, with the same sort; '' for the first page.
    Errors: InputError (`bad-cursor`).
    """
    key, descending = _KEYS[sort.removeprefix("-")], sort.startswith("-")
    matching = results.scan().filter(condition(filters))
    keys = matching.select(pl.col("_row").alias("row"), pl.col(key).alias("key"))
    if cursor:
        keys = keys.filter(_after(*_read_cursor(cursor, sort), descending=descending))
    # If the key is the row number, both columns have the same direction.
    ordered = keys.sort("key", "row", descending=[descending, False], nulls_last=True).head(limit + 1)
    counted, page = pl.collect_all([matching.select(pl.len()), ordered], engine="streaming")
    rows = page["row"].to_list()
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = _write_cursor(sort, page["key"][limit - 1], rows[-1])
    return ReviewPage(reviews=reviews_by_text(results, rows), total=int(counted.item()), next_cursor=following)


def reviews_by_text(results: Results, texts: Iterable[int]) -> list[Review]:
    """The reviews with these numbers (`_row`), in this order. Errors: KeyError for a text without a score."""
    order = list(texts)
    by_text = _reviews(results, order)
    return [by_text[text] for text in order]


def review_at(results: Results, row: int, question: str | None = None) -> Review:
    """The review of a row of the file: the one that answers the question, or its first.

    Errors: KeyError without such a review.
    """
    reviews = _reviews(results, [text for text in results.texts_of(row) if text < _TOO_LARGE])
    for _, review in sorted(reviews.items()):
        if question is None or review.question == question:
            return review
    raise KeyError(row)


def _reviews(results: Results, texts: Collection[int]) -> dict[int, Review]:
    """The reviews that exist among these, by number."""
    if not texts:
        return {}
    frame = (
        results.scan()
        .filter(pl.col("_row").is_in(set(texts)))
        .select(
            *names(OUTPUT_COLUMNS),
            *(pl.col(name).alias(name.removeprefix("_")) for name in (*names(NORMALISED_COLUMNS), QUESTION_KEY)),
        )
        .collect(engine="streaming")
    )
    return {row["row"]: _review(row, results) for row in frame.iter_rows(named=True)}


def _review(row: dict[str, Any], results: Results) -> Review:
    first = row["duplicate_of"]
    return Review.model_validate(
        {
            **row,
            "text": row["text"] or "",
            "row": results.row_of(row["row"]),
            "duplicate_of": None if first is None else results.row_of(first),
        }
    )


def _after(value: Any, row: int, *, descending: bool) -> pl.Expr:
    """True for the rows after (value, row) in this order; missing values come last."""
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
        cursor_sort, value, row = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if cursor_sort != sort or type(row) is not int or not 0 <= row < _TOO_LARGE:
            raise ValueError("a cursor of another sort, or not a row number")
        if value is not None:
            value = dt.date.fromisoformat(value) if sort.endswith("date") else float(value)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise InputError(
            "This cursor does not belong to this list; start again from the first page.", code="bad-cursor"
        ) from error
    return value, row
