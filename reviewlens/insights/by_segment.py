"""The sections that split the reviews by the values of a column, and compare the values."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from reviewlens.insights.changes import FALSE_SHARE
from reviewlens.insights.models import ByProduct, BySegment, ProductRow, SegmentRow, Tally
from reviewlens.insights.proportions import add, benjamini_hochberg, tally, two_proportion_p
from reviewlens.insights.sections import TALLIED, row_tally, tally_counts
from reviewlens.insights.segments import ADDED, PRODUCT, Segment, Segments

TOP_VALUES = 20
LEAST_COMPARED = 10


def aggregates(rows: pl.LazyFrame, segments: Segments) -> dict[str, pl.LazyFrame]:
    """The lazy aggregates behind the sections, one for each segment.

    They group by the raw values: cleaning the few different ones later is faster than cleaning those of all rows.
    """
    sums = [
        pl.col("_rating").sum().alias("ratings"),
        pl.col("_rating").count().alias("rated"),
        pl.col("confidence").sum().alias("confidences"),
        pl.col("confidence").count().alias("confident"),
    ]
    return {
        f"segment {key}": rows.group_by(value=pl.col(segment.column)).agg(*tally_counts(), *sums)
        for key, segment in segments.items()
    }


def by_segments(collected: dict[str, pl.DataFrame], segments: Segments, filtered: Iterable[str]) -> list[BySegment]:
    """A section for each segment, the product's first; `filtered`: keys of segments in the filters.

    An added column with one value is left out, unless the filters use it.
    """
    sections = [by_segment(collected[f"segment {key}"], segment) for key, segment in segments.items()]
    shown = [each for each in sections if each.column not in ADDED or each.values > 1 or each.column in {*filtered}]
    _correct(shown)
    return shown


def by_segment(counted: pl.DataFrame, segment: Segment, *, top: int = TOP_VALUES) -> BySegment:
    """The `top` values by count, and the others together."""
    is_product = segment.key == PRODUCT
    counted = counted.group_by(value=segment.clean(pl.col("value"))).agg(pl.all().sum())
    without = add(*(row_tally(row) for row in counted.filter(pl.col("value").is_null()).iter_rows(named=True)))
    values = counted.drop_nulls("value").sort(["count", "value"], descending=[True, False])
    if values.is_empty():
        lacking = "no products" if is_product else f"no value of {segment.name}"
        note = f"The reviews shown have {lacking}."
        return BySegment(column=segment.key, name=segment.name, available=False, without_value=without, note=note)
    rows = [
        SegmentRow(
            value=row["value"],
            mean_rating=row["ratings"] / row["rated"] if row["rated"] else None,
            mean_confidence=row["confidences"] / row["confident"] if row["confident"] else None,
            **row_tally(row).model_dump(),
        )
        for row in values.head(top).iter_rows(named=True)
    ]
    remaining = values.slice(top)
    orders = {
        "most_reviews": rows,
        "most_positive": sorted(rows, key=lambda row: (-(row.low or 0.0), row.value)),
        "least_positive": sorted(rows, key=lambda row: (row.high or 0.0, row.value)),
        "name": sorted(rows, key=lambda row: row.value.casefold()),
    }
    what = "product" if is_product else "value"
    note = f"Most and least positive use the cautious end of each interval, so a {what} with few reviews does not lead."
    return BySegment(
        column=segment.key,
        name=segment.name,
        rows=rows,
        values=values.height,
        others=tally(*(int(remaining[name].sum()) for name in TALLIED)),
        other_values=remaining.height,
        without_value=without,
        orders={name: [row.value for row in order] for name, order in orders.items()},
        note=note,
    )


def _correct(sections: list[BySegment]) -> None:
    """Compare each value with the others of its segment, and correct for the number of comparisons in all sections."""
    compared: list[tuple[SegmentRow, float]] = []
    for section in sections:
        whole = add(*section.rows, section.others)
        for row in section.rows:
            others = tally(whole.positive - row.positive, whole.count - row.count)
            if min(row.count, others.count) >= LEAST_COMPARED:
                row.difference = (row.positive_share or 0.0) - (others.positive_share or 0.0)
                compared.append((row, two_proportion_p(others.positive, others.count, row.positive, row.count)))
    for (row, _), q_value in zip(compared, benjamini_hochberg([p for _, p in compared]), strict=True):
        row.q_value, row.clear = q_value, q_value <= FALSE_SHARE


def by_product(section: BySegment) -> ByProduct:
    """The product's section under the names that it has always had."""
    tallied = {*Tally.model_fields, "mean_rating", "mean_confidence"}
    return ByProduct(
        available=section.available,
        note=section.note,
        rows=[ProductRow(product=row.value, **row.model_dump(include=tallied)) for row in section.rows],
        products=section.values,
        others=section.others,
        other_products=section.other_values,
        without_product=section.without_value,
        orders=section.orders,
    )
