"""Runs one Spark job per slice, from a few threads; the outputs do not depend on the number of workers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyspark.sql import DataFrame, SparkSession

from reviewlens.pipeline.control import Interrupted
from reviewlens.pipeline.work import JobContext, Slice


def run_slices(
    job: JobContext,
    spark: SparkSession,
    todo: Iterable[Slice],
    process: Callable[[Slice], None],
    rows_done: Callable[[Slice], int] = lambda _: 0,
) -> None:
    """Call `process`, which commits its slice, for each slice, with as many at once as there are workers.

    `rows_done`: how many rows of an uncommitted slice are done, for progress. On an interruption the slices in progress
    are finished and committed first; on any other error they are abandoned.
    """
    waiting = iter(todo)
    in_progress: dict[Future[None], Slice] = {}

    def settle(done: Iterable[Future[None]]) -> int:
        rows = 0
        for future in done:
            rows += in_progress.pop(future).rows
            future.result()
        return rows

    def uncommitted() -> int:
        return sum(min(rows_done(part), part.rows) for part in list(in_progress.values()))

    with job.progress.counting(uncommitted), ThreadPoolExecutor(job.workers, thread_name_prefix="slice") as pool:
        try:
            rows = 0
            while True:
                job.control.check()
                while len(in_progress) < job.workers and (part := next(waiting, None)) is not None:
                    in_progress[pool.submit(process, part)] = part
                # Written after the workers have new slices, because writing takes a moment.
                job.progress.advance(rows)
                if not in_progress:
                    return
                rows = settle(wait(in_progress, timeout=0.5, return_when=FIRST_COMPLETED).done)
        except Interrupted:
            job.progress.advance(settle(wait(in_progress).done))
            raise
        except BaseException:
            spark.sparkContext.cancelAllJobs()
            raise


def run_whole(job: JobContext, spark: SparkSession, action: Callable[[], None]) -> None:
    """Run one Spark action that cannot be committed in parts; it is abandoned when the job must stop."""
    with ThreadPoolExecutor(1, thread_name_prefix="whole") as pool:
        future = pool.submit(action)
        try:
            while not wait([future], timeout=0.5).done:
                job.control.check()
        except BaseException:
            spark.sparkContext.cancelAllJobs()
            raise
        future.result()


def read_slice(job: JobContext, spark: SparkSession, key: str, schema: str) -> DataFrame:
    """A committed slice as a frame of one partition, its rows in order."""
    path = spark_address(job, key) if job.cluster else spark_path(job.store.fetch(key, job.scratch / "slices"))
    return spark.read.schema(schema).parquet(path).coalesce(1)


def spark_address(job: JobContext, key: str) -> str:
    """The address at which a cluster's machines read an object, or all objects below a prefix, in the store."""
    uri = job.store.uri(key.rstrip("/"))
    return spark_path(Path(unquote(urlsplit(uri).path))) if uri.startswith("file:") else uri


def spark_path(path: Path) -> str:
    """A local path for Spark, with its pattern characters escaped."""
    return "file:" + re.sub(r"([\\{}\[\]*?^])", r"\\\1", str(path))
