"""A backend's jobs in this process, on the emulated account, with a Spark that is warm: a job takes a second or two."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.retries import standard

from reviewlens import aws
from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import ReviewLensError
from reviewlens.jobs import dispatcher as dispatching
from reviewlens.jobs.dispatcher import Dispatcher
from reviewlens.jobs.dynamodb import DynamoJobTable, create_table
from reviewlens.jobs.interface import UNFINISHED, Job, JobState
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.pipeline import lease
from reviewlens.pipeline.runner import DONE, run_spec
from reviewlens.platform import Platform
from reviewlens.settings import Settings
from reviewlens.storage import s3_requests
from tests.aws.account import AwsAccount

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OUTPUTS = ("served_csv", "processed_csv", "rejected_csv")


class SharedSparkLauncher:
    """Runs `run_spec`, which is what a task's process does, in a thread, with a Spark that outlives it."""

    def __init__(self, settings: Settings, spark: SparkSession) -> None:
        self._settings = settings
        self._spark = spark
        self._threads: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self._codes: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        handle, stop = f"run-{next(self._numbers)}", threading.Event()

        def run() -> None:
            self._codes[handle] = run_spec(spec_uri, self._settings, stop=stop, session=self._spark)

        thread = threading.Thread(target=run, name=handle, daemon=True)
        self._threads[handle] = thread, stop
        thread.start()
        return handle

    def status(self, handle: str) -> TaskStatus:
        if handle not in self._threads:
            return TaskStatus(TaskState.GONE)
        if self._threads[handle][0].is_alive():
            return TaskStatus(TaskState.RUNNING)
        return TaskStatus(TaskState.EXITED, self._codes.get(handle, 1))

    def stop(self, handle: str) -> None:
        if handle in self._threads:
            self._threads[handle][1].set()

    def kill(self, handle: str) -> None:
        self.stop(handle)

    @property
    def busy(self) -> bool:
        """Whether a task runs."""
        return any(thread.is_alive() for thread, _ in self._threads.values())


@dataclass
class InProcessBackend:
    """A backend's parts in this process; the test drives the dispatcher. `observer` reads the table past the proxy."""

    platform: Platform
    dispatcher: Dispatcher
    launcher: SharedSparkLauncher
    observer: DynamoJobTable
    store: Any
    user: str = "00000000-0000-4000-8000-000000000001"
    causes: list[str] = field(default_factory=list)

    def upload(self, content: bytes) -> str:
        """An upload's id; while AWS fails it is tried again as a person would."""
        return self.platform.uploads.receive(self.user, "reviews.csv", iter([content])).upload_id

    def submit(self, upload: str) -> str:
        """The job's id."""
        return self.platform.jobs.submit(self.user, upload)[0].job_id

    def now(self, job_id: str) -> Job:
        """The job as it stands."""
        return self.observer.get(self.user, job_id)

    def turn(self, job_id: str, idle_seconds: float = 2.0, idle_ticks: int = 50, seconds: float = 900) -> Job:
        """Let the dispatcher work until the job has ended, or has not changed for so long while no task runs."""
        ticks = 0
        before, moved = self.now(job_id), time.monotonic()
        deadline = moved + seconds
        while before.state in UNFINISHED and (time.monotonic() - moved < idle_seconds or ticks < idle_ticks):
            assert time.monotonic() < deadline, before
            self.dispatcher.tick()
            while self.launcher.busy and time.monotonic() < deadline:
                time.sleep(0.01)
                moved = time.monotonic()
            after = self.now(job_id)
            ticks += 1
            if after.version != before.version:
                moved, ticks = time.monotonic(), 0
            before = after
            time.sleep(0.01)
        return before

    def outputs(self, job_id: str) -> dict[str, bytes]:
        """What the job has made, read past the proxy."""
        keys = JobKeys(self.user, job_id)
        return {name: self.store.get(getattr(keys, name)) for name in OUTPUTS}

    def left(self, job_id: str) -> set[str]:
        """Names of what lies in the job's output folder."""
        prefix = JobKeys(self.user, job_id).output_prefix
        return {info.key.removeprefix(prefix) for info in self.store.list(prefix)}

    def retry(self, job_id: str) -> None:
        """As a person does when a job has failed."""
        self.platform.jobs.retry(self.user, job_id)

    def forget(self, job_id: str) -> None:
        """Delete a finished job."""
        with contextlib.suppress(ReviewLensError):
            self.platform.jobs.delete(self.user, job_id)

    def cause(self, job: Job) -> None:
        """A job that has failed must say why, in words and as a code."""
        assert job.state is JobState.FAILED
        assert job.error_code, job
        assert job.error.endswith((".", "?")), job
        self.causes.append(job.error_code)


@contextlib.contextmanager
def in_process_backend(
    account: AwsAccount, folder: Path, spark: SparkSession, patch: Any
) -> Iterator[InProcessBackend]:
    """A backend without its web server. Pauses between attempts are cut out, and each attempt of a task counts as one
    on another machine, as it is with Fargate."""
    machines = itertools.count(1)
    patch.setattr(standard.ExponentialBackoff, "delay_amount", lambda self, context: 0.0)
    # AWS's clients give up repeating when too much fails, as when each and every call does.
    patch.setattr(standard.RetryQuotaChecker, "acquire_retry_quota", lambda self, context: True)
    patch.setattr(s3_requests, "PAUSE_SECONDS", 0.001)
    patch.setattr(dispatching, "_LONGEST_PAUSE_SECONDS", 0.0)
    patch.setattr(dispatching, "MISSED_LEASES", 0.5)
    patch.setattr(lease, "_machine", lambda: f"{threading.get_ident()}-{next(machines)}")
    # A table of its own: the backends of other tests would take its jobs.
    name = f"{account.table}-in-process"
    create_table(aws.client("dynamodb"), name)
    settings = Settings(
        store=account.settings["store"],
        jobs_table=name,
        data_dir=folder,
        engine="textblob",
        workers=1,
        lease_seconds=2,
        slice_rows=20,
        max_attempts=3,
        score_cache_jobs=0,
        max_queued_jobs_per_user=1000,
        _env_file=None,
    )
    platform = Platform.from_settings(settings)
    launcher = SharedSparkLauncher(settings, spark)
    with _directly(account):
        observer = DynamoJobTable(name, aws.client("dynamodb"))
        from reviewlens.storage.s3 import S3ObjectStore

        store = S3ObjectStore(account.bucket)
    try:
        yield InProcessBackend(platform, Dispatcher(platform.jobs, launcher), launcher, observer, store)
    finally:
        platform.close()


@contextlib.contextmanager
def local_jobs(folder: Path, spark: SparkSession) -> Iterator[Callable[[bytes, str], tuple[dict[str, Any], JobKeys]]]:
    """Runs a file through the product without AWS, by an engine, in this process; gives the summary and the keys."""
    settings = Settings(data_dir=folder, workers=1, _env_file=None)
    platform = Platform.from_settings(settings)
    user = "local-user"

    def run(content: bytes, engine: str) -> tuple[dict[str, Any], JobKeys]:
        upload = platform.uploads.receive(user, "reviews.csv", iter([content])).upload_id
        keys = JobKeys(user, platform.jobs.submit(user, upload, engine=engine)[0].job_id)
        assert run_spec(platform.store.uri(keys.spec), settings, session=spark) == DONE
        return json.loads(platform.store.get(keys.summary)), keys

    try:
        yield run
    finally:
        platform.close()


@contextlib.contextmanager
def _directly(account: AwsAccount) -> Iterator[None]:
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", account.emulator.url)
        yield
