"""The job's Spark steps: pure functions from frame to frame, used with `frame.transform(step)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import Mapping
from reviewlens.pipeline import in_worker

Step = Callable[[DataFrame], DataFrame]

_SQL_TYPES = {
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.string(): "string",
    pa.binary(): "binary",
    pa.bool_(): "boolean",
    pa.date32(): "date",
}


def _sql(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {_SQL_TYPES[field.type]}" for field in schema)


CLEANED = _sql(in_worker.CLEANED)
SCORED = _sql(in_worker.SCORED)
DUPLICATES = "row bigint, first_row bigint"


def raw_schema(mapping: Mapping) -> str:
    """The columns of a raw slice that cleaning needs, as SQL."""
    columns = sorted({*mapping.columns().values(), *mapping.further_texts})
    return ", ".join(["row bigint", *(f"c{column} string" for column in columns)])


def select_mapped(mapping: Mapping) -> Step:
    """c0…cN to one column for each role, null where the file has none; then one for each further text."""

    def step(frame: DataFrame) -> DataFrame:
        columns = {role: mapping.column(role) for role in Role}
        return frame.select(
            "row",
            *(
                (F.lit(None).cast("string") if column is None else F.col(f"c{column}")).alias(role.value)
                for role, column in columns.items()
            ),
            *(
                F.col(f"c{column}").alias(name)
                for name, column in zip(in_worker.further_text_names(mapping), mapping.further_texts, strict=True)
            ),
        )

    return step


def clean_reviews(mapping: Mapping, languages: tuple[str, ...]) -> Step:
    """Mapped rows to CLEANED, in the same order; a row with several texts, each a review, becomes several rows.

    `languages`: those that the model reads.
    """
    clean = partial(in_worker.clean_batches, mapping_json=mapping.model_dump_json(), languages=languages)

    def step(frame: DataFrame) -> DataFrame:
        return frame.mapInArrow(clean, CLEANED)

    return step


def first_per_text(frame: DataFrame) -> DataFrame:
    """Each judged row whose text an earlier row has, with the first row that has it, sorted by row (DUPLICATES)."""
    rows = frame.where(F.col("judged")).select("row", "key")
    repeated = (
        rows.groupBy("key")
        .agg(F.min("row").alias("first_row"), F.count("row").alias("times"))
        .where(F.col("times") > 1)
        .select("key", "first_row")
    )
    return (
        rows.join(repeated, "key").where(F.col("row") != F.col("first_row")).select("row", "first_row").orderBy("row")
    )


def to_be_scored(excluded: Sequence[int]) -> Step:
    """Cleaned rows to (row, scored): those that are judged, without those `excluded`."""

    def step(frame: DataFrame) -> DataFrame:
        kept = frame.where(F.col("judged"))
        if excluded:
            # One SQL expression: a column object for each of a thousand rows takes longer than scoring some texts.
            kept = kept.where(F.expr(f"row NOT IN ({', '.join(str(int(row)) for row in excluded)})"))
        return kept.select("row", "scored")

    return step


def score(engine: str, model: str, count_file: str = "") -> Step:
    """(row, scored) to SCORED, with an engine that each worker loads once; `count_file` as for `score_batches`."""

    def step(frame: DataFrame) -> DataFrame:
        return frame.mapInArrow(
            partial(in_worker.score_batches, engine=engine, model=model, count_file=count_file), SCORED
        )

    return step
