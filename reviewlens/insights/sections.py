"""The counting sections of a dashboard, each from a small aggregate."""

from __future__ import annotations

from datetime import date as Date
from datetime import timedelta
from typing import Any

import polars as pl

from reviewlens.insights.filters import agrees_with_stars, is_positive, stars_take_a_side, whole_stars
from reviewlens.insights.models import (
    Agreement,
    Bin,
    Bucket,
    ByProduct,
    ByRating,
    ConfidenceHistogram,
    Confusion,
    Distribution,
    OverTime,
    ProductRow,
    RatingRow,
    Review,
    Tally,
    TimePoint,
)
from reviewlens.insights.plain import bucket_label, number
from reviewlens.insights.proportions import add, tally, wilson

TOP_PRODUCTS = 20
BINS_PER_UNIT = 20
TALLIED = ("positive", "count", "needs_review", "mixed")
_EVERY: dict[Bucket, str] = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
_LONGEST_SPAN: tuple[tuple[int, Bucket], ...] = ((31, "day"), (182, "week"), (8 * 366, "month"), (25 * 366, "quarter"))
_MOST_POINTS = 400


def tally_counts() -> list[pl.Expr]:
    """What a tally is made from, counted."""
    return [
        pl.len().cast(pl.Int64).alias("count"),
        is_positive().sum().cast(pl.Int64).alias("positive"),
        pl.col("needs_review", "mixed").sum().cast(pl.Int64),
    ]


def aggregates(rows: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """The lazy aggregates that the sections are made from; small however many rows there are."""
    means = [pl.col("_rating").mean().alias("mean_rating"), pl.col("confidence").mean().alias("mean_confidence")]
    return {
        "all": rows.select(*tally_counts(), *means),
        "days": rows.group_by("_date").agg(tally_counts()),
        "products": rows.group_by("_product").agg(*tally_counts(), *means),
        "stars": rows.group_by(stars=whole_stars()).agg(tally_counts()),
        "agreement": rows.filter(stars_take_a_side())
        .group_by(positive=is_positive(), agrees=agrees_with_stars())
        .agg(pl.len()),
        "bins": rows.group_by(bin=(pl.col("confidence") * BINS_PER_UNIT + 1e-9).floor().clip(0, BINS_PER_UNIT - 1)).agg(
            tally_counts()
        ),
    }


def row_tally(row: dict[str, Any]) -> Tally:
    """The tally of one row of an aggregate."""
    return tally(*(row[name] for name in TALLIED))


def distribution(everything: pl.DataFrame, *, tells_mixed: bool) -> Distribution:
    """The sentiment of the rows shown, and how many are mixed where the model can tell."""
    row = everything.row(0, named=True)
    whole = row_tally(row)
    if whole.count == 0:
        return Distribution(note="No reviews match the filters.")
    return Distribution(
        **whole.model_dump(),
        mean_confidence=row["mean_confidence"],
        needs_review_share=whole.needs_review / whole.count,
        mixed_share=whole.mixed / whole.count if tells_mixed else None,
        note="The range is a 95 % interval: how far the share could be off by chance alone.",
    )


def over_time(days: pl.DataFrame) -> OverTime:
    """Contiguous buckets whose size suits the span of the dates."""
    undated = int(days.filter(pl.col("_date").is_null())["count"].sum())
    dated = days.drop_nulls("_date")
    if dated.is_empty():
        return OverTime(available=False, undated=undated, note="The reviews shown have no dates.")
    first, last = _ends(dated)
    span = (last - first).days + 1
    bucket: Bucket = next((name for most, name in _LONGEST_SPAN if span <= most), "year")
    every = _EVERY[bucket]
    grouped = dated.group_by(start=pl.col("_date").dt.truncate(every)).agg(pl.col(TALLIED).sum())
    found = {row["start"]: row_tally(row) for row in grouped.iter_rows(named=True)}
    low, high = min(found), max(found)
    starts: list[Date] = pl.date_range(low, high, every, eager=True).to_list()
    if len(starts) > _MOST_POINTS:
        starts = sorted(found)
    points = []
    for start in starts:
        end = pl.Series([start]).dt.offset_by(every).item() - timedelta(days=1)
        counted = found.get(start, Tally())
        points.append(TimePoint(start=start, end=end, label=bucket_label(start, bucket), **counted.model_dump()))
    note = f"Share of positive reviews by {bucket}, with 95 % intervals; a gap is a {bucket} without reviews."
    if undated:
        note += f" {number(undated, 'review')} without a date left out."
    return OverTime(bucket=bucket, points=points, undated=undated, note=note)


def _ends(dated: pl.DataFrame) -> tuple[Date, Date]:
    dates: list[Date] = dated["_date"].sort().to_list()
    return dates[0], dates[-1]


def by_product(products: pl.DataFrame, *, top: int = TOP_PRODUCTS) -> ByProduct:
    """The `top` products by count, the others together."""
    without = add(*(row_tally(row) for row in products.filter(pl.col("_product").is_null()).iter_rows(named=True)))
    named = products.drop_nulls("_product").sort(["count", "_product"], descending=[True, False])
    if named.is_empty():
        return ByProduct(available=False, without_product=without, note="The reviews shown name no products.")
    rows = [
        ProductRow(
            product=row["_product"],
            mean_rating=row["mean_rating"],
            mean_confidence=row["mean_confidence"],
            **row_tally(row).model_dump(),
        )
        for row in named.head(top).iter_rows(named=True)
    ]
    rest = named.slice(top)
    others = tally(*(int(rest[name].sum()) for name in TALLIED))
    orders = {
        "most_reviews": rows,
        "most_positive": sorted(rows, key=lambda row: (-(row.low or 0.0), row.product)),
        "least_positive": sorted(rows, key=lambda row: (row.high or 0.0, row.product)),
        "name": sorted(rows, key=lambda row: row.product.casefold()),
    }
    note = (
        "Most and least positive go by the cautious end of each interval, so that a few reviews do not lead the list."
    )
    return ByProduct(
        rows=rows,
        products=named.height,
        others=others,
        other_products=rest.height,
        without_product=without,
        orders={name: [row.product for row in order] for name, order in orders.items()},
        note=note,
    )


def by_rating(stars: pl.DataFrame, everything: pl.DataFrame) -> ByRating:
    """What the model says at each number of stars."""
    found = {row["stars"]: row_tally(row) for row in stars.iter_rows(named=True)}
    unrated = found.pop(None, Tally())
    if not found:
        return ByRating(available=False, unrated=unrated, note="The reviews shown have no ratings.")
    return ByRating(
        rows=[RatingRow(stars=star, **found.get(star, Tally()).model_dump()) for star in range(5, 0, -1)],
        unrated=unrated,
        mean_rating=everything["mean_rating"].item(),
        note="Ratings are counted as whole stars, halves rounded up.",
    )


def agreement(cells: pl.DataFrame, rating: ByRating, disagreements: list[Review]) -> Agreement:
    """How often the model and the stars take the same side."""
    counts = {(row["positive"], row["agrees"]): row["len"] for row in cells.iter_rows(named=True)}
    confusion = Confusion(
        stars_positive_model_positive=counts.get((True, True), 0),
        stars_positive_model_negative=counts.get((False, False), 0),
        stars_negative_model_positive=counts.get((True, False), 0),
        stars_negative_model_negative=counts.get((False, True), 0),
    )
    agrees = confusion.stars_positive_model_positive + confusion.stars_negative_model_negative
    apart = confusion.stars_positive_model_negative + confusion.stars_negative_model_positive
    unrated = rating.unrated.count
    left_out = sum(row.count for row in rating.rows) - agrees - apart
    found = wilson(agrees, agrees + apart)
    if found is None:
        reason = "no ratings" if not rating.available else "no ratings that take a side (4 and above, or 2 and below)"
        return Agreement(available=False, left_out=left_out, unrated=unrated, note=f"The reviews shown have {reason}.")
    share, low, high = found
    return Agreement(
        compared=agrees + apart,
        agrees=agrees,
        share=share,
        low=low,
        high=high,
        left_out=left_out,
        unrated=unrated,
        confusion=confusion,
        disagreements=disagreements,
        disagreements_total=apart,
        note="4 stars and above count as positive, 2 and below as negative; those between are left out.",
    )


def histogram(bins: pl.DataFrame, needs_review_below: float | None) -> ConfidenceHistogram:
    """Confidence in steps of 0.05, from 0.5 (or lower, if any is lower) to 1."""
    found = {int(row["bin"]): row for row in bins.iter_rows(named=True)}
    if not found:
        return ConfidenceHistogram(
            available=False, needs_review_below=needs_review_below, note="No reviews match the filters."
        )
    return ConfidenceHistogram(
        bins=[
            Bin(
                low=step / BINS_PER_UNIT,
                high=(step + 1) / BINS_PER_UNIT,
                count=found[step]["count"] if step in found else 0,
                positive=found[step]["positive"] if step in found else 0,
                negative=found[step]["count"] - found[step]["positive"] if step in found else 0,
            )
            for step in range(min(BINS_PER_UNIT // 2, *found), BINS_PER_UNIT)
        ],
        needs_review_below=needs_review_below,
        note="How sure the model is; the least sure reviews are marked for a person to look at.",
    )
