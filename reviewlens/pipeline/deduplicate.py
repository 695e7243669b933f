"""Stage 3: find the rows whose text an earlier row has, so that each text is scored once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from reviewlens.contracts.stages import JobStage
from reviewlens.pipeline import steps
from reviewlens.pipeline.slices import run_whole, spark_address, spark_path
from reviewlens.pipeline.work import JobContext, Plan, Slice
from reviewlens.spark.session import Spark

_SCHEMA = pa.schema([("row", pa.int64()), ("first_row", pa.int64())])


class Duplicates:
    """The duplicates, ascending, and for each the first with its text; 16 bytes each. They are numbers of texts."""

    def __init__(self, table: pa.Table, texts_per_row: int = 1) -> None:
        self._texts_per_row = texts_per_row
        self.rows: NDArray[np.int64] = table.column("row").to_numpy()
        self.first_rows: NDArray[np.int64] = table.column("first_row").to_numpy()

    def within(self, part: Slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The slice's duplicates and their first rows."""
        ends = [(row - 1) * self._texts_per_row + 1 for row in (part.first_row, part.last_row + 1)]
        begin, end = np.searchsorted(self.rows, ends)
        return self.rows[begin:end], self.first_rows[begin:end]


def deduplicate(job: JobContext, plan: Plan, spark: Spark) -> None:
    """Commit the list of duplicates, unless it is committed already."""
    if job.store.head(job.work.duplicates) is not None:
        return
    with job.progress.stage(JobStage.DEDUPLICATE, 0, plan.rows):
        job.control.check()
        folder = job.scratch / "duplicates"
        shutil.rmtree(folder, ignore_errors=True)
        if any(part.records for part in plan.slices):
            with job.progress.paused():
                session = spark.get()
            if job.cluster:
                cleaned = spark_address(job, job.work.clean)
            else:
                cleaned = spark_path(job.store.fetch_prefix(job.work.clean, job.scratch / "clean"))
            duplicates = session.read.schema(steps.CLEANED).parquet(cleaned).transform(steps.first_per_text)
            if job.cluster:
                run_whole(job, session, lambda: _collect(duplicates, folder))
            else:
                run_whole(job, session, lambda: duplicates.write.parquet("file:" + str(folder)))
        merged = job.scratch / "duplicates.parquet"
        # Spark sorts by ranges: its files in name order are one ascending list.
        with pq.ParquetWriter(merged, _SCHEMA) as writer:
            for piece in sorted(folder.glob("part-*.parquet")):
                writer.write_table(pq.read_table(piece).cast(_SCHEMA))
        job.control.check_lease()
        job.store.put_file(merged, job.work.duplicates)
        job.progress.advance(plan.rows)


def _collect(duplicates: DataFrame, folder: Path) -> None:
    """Fetch the duplicates to this machine: on a cluster the workers share no folder with it."""
    folder.mkdir()
    pq.write_table(duplicates.toArrow(), folder / "part-00000.parquet")


def load_duplicates(job: JobContext) -> Duplicates:
    """The committed list."""
    return Duplicates(job.read_table(job.work.duplicates), job.spec.mapping.texts_per_row)
