"""A job service over a real store and a real table, with a launcher whose tasks end as the test says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reviewlens.contracts.detected import Detected
from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.tables import ColumnInfo, Dialect, Mapping, Sniffed
from reviewlens.errors import InputError, ReviewLensError
from reviewlens.jobs.dispatcher import Dispatcher
from reviewlens.jobs.interface import Job, JobState
from reviewlens.jobs.service import JobService
from reviewlens.jobs.sqlite import SqliteJobTable
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.reading.detected import describe
from reviewlens.settings import Settings
from reviewlens.storage.local import LocalObjectStore
from reviewlens.uploads.service import UploadService
from tests.summaries import summary_of

CSV = b"Text,Stars\nWorks well,5\nBroke at once,1\n"


class ScriptedLauncher:
    """Tasks run until the test ends them."""

    def __init__(self) -> None:
        self.specs: list[str] = []
        self.sizes: list[int] = []
        self.statuses: dict[str, TaskStatus] = {}
        self.stopped: list[str] = []
        self.killed: list[str] = []
        self.refusal: ReviewLensError | None = None
        self.on_stop = lambda handle: None

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.sizes.append(input_bytes)
        self.specs.append(spec_uri)
        handle = f"task {len(self.specs)}"
        self.statuses[handle] = TaskStatus(TaskState.RUNNING)
        return handle

    def status(self, handle: str) -> TaskStatus:
        return self.statuses.get(handle, TaskStatus(TaskState.GONE))

    def stop(self, handle: str) -> None:
        self.stopped.append(handle)
        self.on_stop(handle)

    def kill(self, handle: str) -> None:
        self.killed.append(handle)
        self.end(handle, -9)

    def end(self, handle: str, exit_code: int | None, **told: Any) -> None:
        """The task ends; without a code as one that nobody saw end."""
        state = TaskState.GONE if exit_code is None else TaskState.EXITED
        self.statuses[handle] = TaskStatus(state, exit_code, **told)


def sniff_csv(source, filename, size_bytes, limits, overrides=None, *, uploaded=None) -> Sniffed:
    """Two columns, the first of which is the text unless the file or the person says otherwise."""
    with source() as path:
        content = path.read_bytes()
    if b"\x00" in content:
        raise InputError("This is not text.", code="not-text")
    chosen = {"text": 0, **((overrides or {}).get("mapping") or {})}
    mapping = None if content.startswith(b"numbers") and not overrides else Mapping(**chosen)
    columns = [
        ColumnInfo(index=place, name=name, served_name=name, examples=[], filled=1.0)
        for place, name in enumerate(content.split(b"\n")[0].decode().split(","))
    ]
    dialect = Dialect(**((overrides or {}).get("dialect") or {}))
    return Sniffed(
        dialect=dialect,
        columns=columns,
        mapping=mapping,
        preview=[],
        warnings=[],
        size_bytes=size_bytes,
        estimated_rows=2,
    )


class CsvReading:
    """Stands in for `SandboxedReading` without a process of its own."""

    sniff = staticmethod(sniff_csv)

    def describe(self, source, sniffed, limits) -> Detected:
        with source() as path:
            return describe(lambda: path.open("rb"), sniffed, limits)


@dataclass
class JobHarness:
    """A job service and dispatcher over a real store and table, with a launcher that the test controls."""

    folder: Path
    settings: Settings
    launcher: ScriptedLauncher = field(default_factory=ScriptedLauncher)
    finished: list[Job] = field(default_factory=list)
    table: Any = None

    def __post_init__(self) -> None:
        self.store = LocalObjectStore(self.folder / "objects")
        self.table = self.table or SqliteJobTable(self.folder / "jobs.db")
        self.uploads = UploadService(self.store, self.settings, CsvReading(), cache_dir=self.folder / "cache")
        self.service = JobService(self.table, self.store, self.uploads, self.settings, cache_dir=self.folder / "cache")
        self.dispatcher = Dispatcher(self.service, self.launcher, on_finish=self.finished.append)

    def upload(self, user: str = "u1", content: bytes = CSV) -> str:
        return self.uploads.receive(user, "reviews.csv", [content]).upload_id

    def submit(self, user: str = "u1", upload: str | None = None) -> str:
        view, created = self.service.submit(user, upload or self.upload(user))
        assert created
        return view.job_id

    def run(self, user: str = "u1") -> tuple[str, str]:
        """Submit and start a job; its id and its task's handle."""
        job = self.submit(user)
        self.dispatcher.tick()
        return job, self.table.get(user, job).handle

    def state(self, job: str, user: str = "u1") -> JobState:
        return self.table.get(user, job).state

    def write(self, key: str, content: Any) -> None:
        self.store.put(key, json.dumps(content).encode())

    def succeed(self, user: str = "u1", scored: int = 2) -> str:
        """A whole job, with outputs like those that a task leaves."""
        job, handle = self.run(user)
        keys = JobKeys(user, job)
        self.store.put(keys.served_csv, f"served {job}".encode())
        self.store.put(keys.processed_csv, f"processed {job}".encode())
        for source, target in (
            (keys.served_csv, keys.newest_served_csv),
            (keys.processed_csv, keys.newest_processed_csv),
        ):
            self.store.copy(source, target)
        self.write(keys.summary, summary_of(rows_scored=scored))
        self.launcher.end(handle, 0)
        self.dispatcher.tick()
        assert self.state(job, user) is JobState.SUCCEEDED
        return job

    def stored(self) -> list[str]:
        return [info.key for info in self.store.list("")]


@contextlib.contextmanager
def job_harness(folder: Path) -> Iterator[JobHarness]:
    """A harness with small limits."""
    settings = Settings(
        data_dir=folder,
        engine="textblob",
        max_upload_bytes=1000,
        max_jobs_per_user=6,
        max_queued_jobs_per_user=3,
        max_unused_uploads_per_user=3,
    )
    harness = JobHarness(folder, settings)
    yield harness
    harness.table.close()


@pytest.fixture
def harness(tmp_path):
    with job_harness(tmp_path) as harness:
        yield harness
