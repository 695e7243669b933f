"""Stage 2: Spark cleans each slice's texts and reads its ratings and dates."""

from __future__ import annotations

from pyspark.sql import SparkSession

from reviewlens.contracts.stages import JobStage
from reviewlens.pipeline import steps
from reviewlens.pipeline.slices import read_slice, run_slices
from reviewlens.pipeline.work import JobContext, Plan, Slice
from reviewlens.spark.session import Spark


def clean(job: JobContext, plan: Plan, spark: Spark) -> None:
    """Commit the cleaned rows of every slice that has none yet."""
    done = job.numbers(job.work.clean)
    todo = [part for part in plan.slices if part.records and part.number not in done]
    if not todo:
        return
    with job.progress.stage(JobStage.CLEAN, plan.rows - sum(part.rows for part in todo), plan.rows):
        with job.progress.paused():
            session = spark.get()
        run_slices(job, session, todo, lambda part: _clean_slice(job, session, part))


def _clean_slice(job: JobContext, session: SparkSession, part: Slice) -> None:
    mapping = job.spec.mapping
    cleaned = (
        read_slice(job, session, job.work.raw(part.number), steps.raw_schema(mapping))
        .transform(steps.select_mapped(mapping))
        .transform(steps.clean_reviews(mapping, job.spec.languages))
        .toArrow()
    )
    job.put_table(job.work.cleaned(part.number), cleaned)
