"""Runs one job from its spec to its exit code, and resumes one that was interrupted."""

from __future__ import annotations

import logging
import shutil
import threading
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from reviewlens.contracts.job_spec import JobSpec, scratch_dir
from reviewlens.contracts.job_status import Cancellation, JobError
from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import ConflictError, InputError, LimitError, ReviewLensError
from reviewlens.pipeline.control import Cancelled, Control, Interrupted, LeaseLost
from reviewlens.pipeline.faults import explain, places
from reviewlens.pipeline.lease import Lease
from reviewlens.pipeline.progress import ProgressWriter, now_iso
from reviewlens.pipeline.work import JobContext, WorkKeys, open_spec
from reviewlens.settings import Settings
from reviewlens.spark.capacity import decide_workers
from reviewlens.spark.session import Spark
from reviewlens.storage.interface import ObjectStore

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

DONE = 0
OURS = 1
INPUT_AT_FAULT = 2
CANCELLED = 3
INTERRUPTED = 4

Stage = Literal["all", "clean", "infer"]


def run_spec(
    spec_uri: str,
    settings: Settings,
    *,
    stage: Stage = "all",
    stop: threading.Event | None = None,
    session: SparkSession | None = None,
) -> int:
    """Run a job, or only its cleaning or inference, and return the exit code; error.json holds the cause of a failure.

    0: done; 1: internal error; 2: the input is at fault; 3: cancelled; 4: interrupted (by `stop`, or another task has
    the job), start it again. `session`: a Spark session to use and leave open; by default one is opened and closed.
    """
    try:
        store, spec = open_spec(spec_uri)
    except ReviewLensError as error:
        log.error("the job cannot start: %s", error.message)
        return OURS
    runner = _Runner(store, spec, settings, stop or threading.Event(), session)
    return runner.run(stage)


class _Runner:
    def __init__(
        self, store: ObjectStore, spec: JobSpec, settings: Settings, stop: threading.Event, session: SparkSession | None
    ) -> None:
        self._store = store
        self._spec = spec
        self._settings = settings
        self._stop = stop
        self._session = session
        self._keys = JobKeys(spec.user, spec.job)
        self._lease = Lease(store, self._keys.lease, settings.lease_seconds)
        self._scratch = scratch_dir(settings.data_dir, spec.user, spec.job)

    def run(self, stage: Stage) -> int:
        """The exit code."""
        try:
            self._lease.acquire()
        except Interrupted as error:
            log.warning("%s", error.message)
            return INTERRUPTED
        except ReviewLensError as error:
            log.error("the job cannot start: %s", error.message)
            return OURS
        finished = False
        try:
            if self._store.head(self._keys.summary) is None:
                self._store.delete(self._keys.error)
                self._store.delete(self._keys.cancelled)
                self._work(stage)
            finished = self._store.head(self._keys.summary) is not None
            return DONE
        except BaseException as error:  # noqa: BLE001 - every outcome has a code, and every failure a cause
            code = self._exit_code(error)
            finished = code in (INPUT_AT_FAULT, CANCELLED)
            return code
        finally:
            self._clean_up(finished)

    def _work(self, stage: Stage) -> None:
        # These import Spark; a job that cannot start should report it at once.
        from reviewlens.pipeline import assemble, cache, clean, deduplicate, infer, publish, read

        shutil.rmtree(self._scratch, ignore_errors=True)  # left by an attempt that was killed
        self._scratch.mkdir(parents=True)
        workers = decide_workers(self._settings)
        work = WorkKeys(self._keys)
        control = Control(self._store, self._keys.cancel, self._stop, self._lease.confirm)
        progress = ProgressWriter(self._store, self._keys.progress, work.timings)
        job = JobContext(
            self._spec,
            self._keys,
            work,
            self._store,
            self._scratch,
            workers,
            control,
            progress,
            cluster=self._settings.spark_cluster,
        )
        spark = Spark(self._settings, self._scratch, workers, self._spec.batch_rows, self._session)
        try:
            control.check()
            with progress.written_regularly(control.check_lease):
                if stage in ("all", "clean"):
                    plan = read.read(job, self._settings, on_first_slice=spark.start)
                    clean.clean(job, plan, spark)
                    deduplicate.deduplicate(job, plan, spark)
                if stage in ("all", "infer"):
                    if self._store.head(work.duplicates) is None:
                        raise ConflictError(
                            "This job's texts are not cleaned yet; run the cleaning first.", code="not-cleaned"
                        )
                    plan = job.plan()
                    infer.infer(job, plan, spark)
                    assemble.assemble(job, plan)
                    cache.keep_scores(job, plan)
                    publish.publish(job, plan)
        finally:
            spark.close()

    def _exit_code(self, error: BaseException) -> int:
        """Write why the job stopped, unless it can be resumed, and return the exit code."""
        if isinstance(error, LeaseLost):
            log.warning("%s", error.message)
            return INTERRUPTED
        if isinstance(error, Cancelled):
            self._write(self._keys.cancelled, Cancellation(at=now_iso()))
            log.info("cancelled")
            return CANCELLED
        cause = explain(error)
        at_fault = isinstance(error, InputError | LimitError)
        # The same signal may have stopped Spark, whose error then only reports that.
        if isinstance(error, Interrupted | KeyboardInterrupt) or (self._stop.is_set() and not at_fault):
            log.info("interrupted; it can be resumed")
            return INTERRUPTED
        log.error(
            "failed (%s): %s", cause.code, cause.message, extra={"facts": {} if at_fault else {"places": places(error)}}
        )
        self._write(self._keys.error, JobError(code=cause.code, message=cause.message, details=cause.details))
        return INPUT_AT_FAULT if at_fault else OURS

    def _write(self, key: str, document: BaseModel) -> None:
        try:
            self._store.put(key, document.model_dump_json().encode())
        except ReviewLensError as error:
            log.error("the outcome could not be written: %s", error.message)

    def _clean_up(self, finished: bool) -> None:
        """Release the lease and delete the scratch folder; `finished`: the checkpoints too."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        try:
            if finished:
                for info in self._store.list(self._keys.work):
                    if info.key != self._keys.lease:
                        self._store.delete(info.key)
                self._store.delete(self._keys.cancel)
            self._lease.release()
        except ReviewLensError as error:
            log.error("could not clean up: %s", error.message)
