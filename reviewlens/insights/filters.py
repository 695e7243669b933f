"""Filters as one Polars condition over served.parquet."""

from __future__ import annotations

import polars as pl

from reviewlens.contracts.outputs import NOT_JUDGED
from reviewlens.insights.models import Filters
from reviewlens.insights.segments import Segments, segment_conditions
from reviewlens.insights.words import mentions, split_search

_SENTIMENTS = {"not_judged": NOT_JUDGED}

STARS_POSITIVE = 4.0
STARS_NEGATIVE = 2.0
"""Ratings of STARS_POSITIVE and above are positive, those of STARS_NEGATIVE and below negative; others are neither."""


def is_judged() -> pl.Expr:
    """Whether a row has a sentiment."""
    return pl.col("sentiment") != NOT_JUDGED


def is_positive() -> pl.Expr:
    """Whether a row's sentiment is positive; only meaningful if `is_judged`."""
    return pl.col("sentiment") == "positive"


def whole_stars() -> pl.Expr:
    """A rating in whole stars from 1 to 5, halves rounded up; null without a rating."""
    return (pl.col("_rating") + 0.5).floor().clip(1, 5).cast(pl.Int8)


def stars_take_a_side() -> pl.Expr:
    """Whether a row's rating is positive or negative; null without a rating."""
    return (pl.col("_rating") >= STARS_POSITIVE) | (pl.col("_rating") <= STARS_NEGATIVE)


def agrees_with_stars() -> pl.Expr:
    """Whether model and stars agree; only meaningful if `stars_take_a_side`."""
    return is_positive() == (pl.col("_rating") >= STARS_POSITIVE)


def condition(filters: Filters, segments: Segments) -> pl.Expr:
    """True for the rows that match, never null. `segments`: those of the results.

    Errors: InputError (`no-such-segment`).
    """
    conditions: list[pl.Expr] = []
    if filters.sentiment is not None:
        conditions.append(pl.col("sentiment") == _SENTIMENTS.get(filters.sentiment, filters.sentiment))
    if filters.language:
        conditions.append(pl.col("language").is_in(filters.language))
    if filters.min_confidence is not None:
        conditions.append(pl.col("confidence") >= filters.min_confidence)
    if filters.max_confidence is not None:
        conditions.append(pl.col("confidence") <= filters.max_confidence)
    if filters.judged is not None:
        conditions.append(is_judged() == filters.judged)
    if filters.needs_review is not None or filters.mixed is not None:
        conditions.append(is_judged())
    if filters.needs_review is not None:
        conditions.append(pl.col("needs_review") == filters.needs_review)
    if filters.mixed is not None:
        conditions.append(pl.col("mixed") == filters.mixed)
    if filters.rating:
        conditions.append(whole_stars().is_in(filters.rating))
    if filters.product:
        conditions.append(pl.col("_product").is_in(filters.product))
    conditions.extend(segment_conditions(filters.segment, segments))
    if filters.question is not None:
        conditions.append(pl.col("_question") == filters.question)
    if filters.date_from is not None:
        conditions.append(pl.col("_date") >= filters.date_from)
    if filters.date_to is not None:
        conditions.append(pl.col("_date") <= filters.date_to)
    conditions.extend(mentions(term) for term in split_search(filters.words))
    if filters.agreement is not None:
        conditions.append(is_judged() & stars_take_a_side() & (agrees_with_stars() == (filters.agreement == "agrees")))
    conditions.extend(pl.col(f"_{name}").is_null() for name in filters.missing)
    return pl.all_horizontal(*conditions, pl.lit(value=True)).fill_null(value=False)
