"""The sections of a dashboard that count, each made from a small aggregate."""

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
    ByRating,
    ConfidenceHistogram,
    Confusion,
    Distribution,
    OverTime,
    RatingRow,
    Review,
    Tally,
    TimePoint,
)
from reviewlens.insights.plain import bucket_label, number
from reviewlens.insights.proportions import tally, wilson

BINS_PER_UNIT = 20
TALLIED = ("positive", "count", "needs_review", "mixed")
_EVERY: dict[Bucket, str] = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
_LONGEST_SPAN: tuple[tuple[int, Bucket], ...] = ((31, "day"), (182, "week"), (8 * 366, "month"), (25 * 366, "quarter"))
_MOST_POINTS = 400


def tally_counts() -> list[pl.Expr]:
    """The counts in a tally."""
    return [
        pl.len().cast(pl.Int64).alias("count"),
        is_positive().sum().cast(pl.Int64).alias("positive"),
        pl.col("needs_review", "mixed").sum().cast(pl.Int64),
    ]


def aggregates(rows: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """The lazy aggregates behind the sections; their size does not grow with the number of rows."""
    means = [pl.col("_rating").mean().alias("mean_rating"), pl.col("confidence").mean().alias("mean_confidence")]
    return {
        "all": rows.select(*tally_counts(), *means),
        "days": rows.group_by("_date").agg(tally_counts()),
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


def distribution(totals: pl.DataFrame, *, has_band: bool) -> Distribution:
    """The sentiment of the rows shown, and how many are mixed if the model has a mixed band."""
    row = totals.row(0, named=True)
    whole = row_tally(row)
    if whole.count == 0:
        return Distribution(note="No reviews match the filters.")
    return Distribution(
        **whole.model_dump(),
        mean_confidence=row["mean_confidence"],
        needs_review_share=whole.needs_review / whole.count,
        mixed_share=whole.mixed / whole.count if has_band else None,
        note="The range is a 95 % interval: by how much the share could be off by chance.",
    )


def over_time(days: pl.DataFrame) -> OverTime:
    """Buckets without gaps, of a size that fits the span of the dates."""
    undated = int(days.filter(pl.col("_date").is_null())["count"].sum())
    dated = days.drop_nulls("_date")
    if dated.is_empty():
        return OverTime(available=False, undated=undated, note="The reviews shown have no dates.")
    first, last = _ends(dated)
    span = (last - first).days + 1
    bucket: Bucket = next((name for most, name in _LONGEST_SPAN if span <= most), "year")
    every = _EVERY[bucket]
    grouped = dated.group_by(start=pl.col("_date").dt.truncate(every)).agg(pl.col(TALLIED).sum())
    tallies = {row["start"]: row_tally(row) for row in grouped.iter_rows(named=True)}
    low, high = min(tallies), max(tallies)
    starts: list[Date] = pl.date_range(low, high, every, eager=True).to_list()
    if len(starts) > _MOST_POINTS:
        starts = sorted(tallies)
    points = []
    for start in starts:
        end = pl.Series([start]).dt.offset_by(every).item() - timedelta(days=1)
        counted = tallies.get(start, Tally())
        points.append(TimePoint(start=start, end=end, label=bucket_label(start, bucket), **counted.model_dump()))
    note = f"Share of positive reviews by {bucket}, with 95 % intervals; a gap is a {bucket} without reviews."
    if undated:
        note += f" {number(undated, 'review')} without a date not shown."
    return OverTime(bucket=bucket, points=points, undated=undated, note=note)


def _ends(dated: pl.DataFrame) -> tuple[Date, Date]:
    dates: list[Date] = dated["_date"].sort().to_list()
    return dates[0], dates[-1]


def by_rating(stars: pl.DataFrame, totals: pl.DataFrame) -> ByRating:
    """The sentiment at each number of stars."""
    tallies = {row["stars"]: row_tally(row) for row in stars.iter_rows(named=True)}
    unrated = tallies.pop(None, Tally())
    if not tallies:
        return ByRating(available=False, unrated=unrated, note="The reviews shown have no ratings.")
    return ByRating(
        rows=[RatingRow(stars=star, **tallies.get(star, Tally()).model_dump()) for star in range(5, 0, -1)],
        unrated=unrated,
        mean_rating=totals["mean_rating"].item(),
        note="Ratings are counted as whole stars, halves rounded up.",
    )


def agreement(cells: pl.DataFrame, rating: ByRating, disagreements: list[Review]) -> Agreement:
    """How often model and stars agree."""
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
    interval = wilson(agrees, agrees + apart)
    if interval is None:
        reason = "no ratings" if not rating.available else "no positive (4 and above) or negative (2 and below) ratings"
        return Agreement(available=False, left_out=left_out, unrated=unrated, note=f"The reviews shown have {reason}.")
    share, low, high = interval
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
        note="4 stars and above count as positive, 2 and below as negative; other ratings are not compared.",
    )


def histogram(bins: pl.DataFrame, needs_review_below: float | None) -> ConfidenceHistogram:
    """Confidence in steps of 0.05, from 0.5 (or the lowest, if lower) to 1."""
    steps = {int(row["bin"]): row for row in bins.iter_rows(named=True)}
    if not steps:
        return ConfidenceHistogram(
            available=False, needs_review_below=needs_review_below, note="No reviews match the filters."
        )
    return ConfidenceHistogram(
        bins=[
            Bin(
                low=step / BINS_PER_UNIT,
                high=(step + 1) / BINS_PER_UNIT,
                count=steps[step]["count"] if step in steps else 0,
                positive=steps[step]["positive"] if step in steps else 0,
                negative=steps[step]["count"] - steps[step]["positive"] if step in steps else 0,
            )
            for step in range(min(BINS_PER_UNIT // 2, *steps), BINS_PER_UNIT)
        ],
        needs_review_below=needs_review_below,
        note="How sure the model is of each sentiment; a person should read those it is least sure of.",
    )
