"""The job's Spark steps: pure functions from frame to frame, used with `frame.transform(step)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from reviewlens.contracts.tables import Mapping
from reviewlens.pipeline.in_worker import clean_batches, score_batches

Step = Callable[[DataFrame], DataFrame]

MAPPED = ("text", "title", "rating", "date", "product")
CLEANED = (
    "row bigint, key binary, scored string, text string, title string, rating double, date date, product string, "
    "reason string"
)
"""A cleaned slice: `key` names equal texts, `scored` is what the model reads, `reason` why a row is rejected."""

SCORED = "row bigint, positive_score double"
DUPLICATES = "row bigint, first_row bigint"


def raw_schema(mapping: Mapping) -> str:
    """The columns of a raw slice that cleaning needs."""
    places = sorted({place for name in MAPPED if (place := getattr(mapping, name)) is not None})
    return ", ".join(["row bigint", *(f"c{place} string" for place in places)])


def select_mapped(mapping: Mapping) -> Step:
    """c0…cN to text, title, rating, date and product; null where the file has none."""

    def step(frame: DataFrame) -> DataFrame:
        places = {name: getattr(mapping, name) for name in MAPPED}
        return frame.select(
            "row",
            *(
                (F.lit(None).cast("string") if place is None else F.col(f"c{place}")).alias(name)
                for name, place in places.items()
            ),
        )

    return step


def clean_reviews(mapping: Mapping) -> Step:
    """Mapped rows to CLEANED, in the same order."""

    def step(frame: DataFrame) -> DataFrame:
        return frame.mapInArrow(partial(clean_batches, mapping_json=mapping.model_dump_json()), CLEANED)

    return step


def first_per_text(frame: DataFrame) -> DataFrame:
    """For each later row with a text that an earlier row had: that row and the first one, by row (DUPLICATES)."""
    rows = frame.where(F.col("reason").isNull()).select("row", "key")
    repeated = (
        rows.groupBy("key")
        .agg(F.min("row").alias("first_row"), F.count("row").alias("times"))
        .where(F.col("times") > 1)
        .select("key", "first_row")
    )
    return (
        rows.join(repeated, "key").where(F.col("row") != F.col("first_row")).select("row", "first_row").orderBy("row")
    )


def to_be_scored(left_out: Sequence[int]) -> Step:
    """Cleaned rows to (row, scored): neither rejected nor among those `left_out`."""

    def step(frame: DataFrame) -> DataFrame:
        kept = frame.where(F.col("reason").isNull())
        if left_out:
            # As one piece of SQL: a column object for each of a thousand numbers takes longer than scoring some texts.
            kept = kept.where(F.expr(f"row NOT IN ({', '.join(str(int(row)) for row in left_out)})"))
        return kept.select("row", "scored")

    return step


def score(engine: str, model: str) -> Step:
    """(row, scored) to SCORED, by an engine that each worker loads once."""

    def step(frame: DataFrame) -> DataFrame:
        return frame.mapInArrow(partial(score_batches, engine=engine, model=model), SCORED)

    return step
