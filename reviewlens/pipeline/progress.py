"""Writes progress.json, and keeps the timings of the stages for the summary."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.stages import JobStage
from reviewlens.contracts.summary import Timings
from reviewlens.errors import ReviewLensError
from reviewlens.pipeline.control import LeaseLost
from reviewlens.storage.interface import ObjectStore

log = logging.getLogger(__name__)
_EVERY_SECONDS = 1.0


class ProgressWriter:
    """Writes progress.json about once a second and adds up the seconds of each stage over all attempts.

    Rows count as done when their slice is committed (`advance`) or while it is worked on (`counting`); their number
    never falls within a stage. Speed and time left come from this attempt's work in the current stage. Time left is
    written from scoring on: before that the speed of the longest stage is unknown.
    """

    def __init__(self, store: ObjectStore, key: str, timings_key: str) -> None:
        self._store = store
        self._key = key
        self._timings_key = timings_key
        self._started_at = now_iso()
        self._stage: JobStage | None = JobStage.READ  # None: Spark and the engines start
        self._entered = self._saved = time.monotonic()
        self._written = 0.0
        self._done = self._done_before = self._shown = 0
        self._total: int | None = None
        self._uncommitted: Callable[[], int] = _none
        self._reused = self._kept = 0
        self._reused_lock = threading.Lock()
        self._lock = threading.RLock()
        if store.head(timings_key) is None:
            self._timings = Timings(started_at=self._started_at, attempts=1)
        else:
            self._timings = Timings.model_validate_json(store.get(timings_key))
            self._timings.attempts += 1

    @contextmanager
    def stage(self, stage: JobStage, done: int = 0, total: int | None = None) -> Iterator[None]:
        """Enter a stage with `done` rows done by earlier attempts and `total` rows in all."""
        with self._lock:
            self._keep_time()
            self._stage, self._done, self._done_before, self._total = stage, done, done, total
            self._shown = done
            self._entered = time.monotonic()
            self.write()
        try:
            yield
        finally:
            self.write()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Count time that belongs to no stage, such as the start of Spark and the engines, as `start_seconds`."""
        with self._lock:
            self._keep_time()
            stage, self._stage = self._stage, None
        try:
            yield
        finally:
            with self._lock:
                self._keep_time()
                self._stage = stage
                self._entered = time.monotonic()

    @contextmanager
    def counting(self, uncommitted: Callable[[], int]) -> Iterator[None]:
        """Also count the rows that `uncommitted` returns, called from any thread: those done in uncommitted slices."""
        self._uncommitted = uncommitted
        try:
            yield
        finally:
            self._uncommitted = _none

    @contextmanager
    def written_regularly(self, check_lease: Callable[[], None]) -> Iterator[None]:
        """Write progress about once a second, from a thread, while `check_lease` does not raise LeaseLost."""
        ended = threading.Event()

        def keep_writing() -> None:
            while not ended.wait(_EVERY_SECONDS):
                try:
                    check_lease()
                    self.write()
                except LeaseLost:
                    return
                except ReviewLensError as error:
                    log.warning("the progress could not be written: %s", error.code)

        thread = threading.Thread(target=keep_writing, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def advance(self, rows: int, *, keeps: bool = True) -> None:
        """Add `rows` to the rows done in this stage; `keeps`: they are committed, and no later attempt repeats them."""
        with self._lock:
            self._done += rows
            first_kept = keeps and rows > 0 and not self._kept
            self._kept += rows if keeps else 0
            # The first rows at once: they decide whether this attempt counts if it is killed now.
            if first_kept or time.monotonic() - self._written >= _EVERY_SECONDS:
                self.write()

    def reused(self, scores: int | None) -> None:
        """Add `scores` taken from earlier jobs, from any thread; None: start again from 0."""
        with self._reused_lock:
            self._reused = 0 if scores is None else self._reused + scores

    def write(self) -> None:
        """Write progress and timings now."""
        with self._lock:
            self._keep_time()
            self._written = time.monotonic()
            done = self._done + self._uncommitted()
            self._shown = max(self._shown, done if self._total is None else min(done, self._total))
            speed = self._speed()
            left = None
            if speed and self._total is not None and self._stage in (JobStage.INFER, JobStage.ASSEMBLE):
                left = round((self._total - self._shown) / speed, 1)
            progress = Progress(
                stage=self._stage or JobStage.INFER,
                rows_done=self._shown,
                rows_total=self._total,
                rows_per_second=speed,
                seconds_left=left,
                rows_reused=self._reused,
                rows_kept=self._kept,
                updated_at=now_iso(),
                attempt_started_at=self._started_at,
            )
            self._store.put(self._key, progress.model_dump_json().encode())
            self._store.put(self._timings_key, self._rounded().model_dump_json().encode())

    def timings(self) -> Timings:
        """The summary's `timings`, up to now."""
        with self._lock:
            self._keep_time()
            return self._rounded().model_copy(update={"finished_at": now_iso()})

    def _rounded(self) -> Timings:
        seconds = {name: round(value, 3) for name, value in self._timings if name.endswith("_seconds")}
        return self._timings.model_copy(update=seconds)

    def _keep_time(self) -> None:
        now = time.monotonic()
        for name in (f"{self._stage or 'start'}_seconds", "total_seconds"):
            setattr(self._timings, name, getattr(self._timings, name) + now - self._saved)
        self._saved = now

    def _speed(self) -> float | None:
        seconds = time.monotonic() - self._entered
        rows = self._shown - self._done_before
        return round(rows / seconds, 1) if rows and seconds > 0 else None


def _none() -> int:
    return 0


def now_iso() -> str:
    """The current time, ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
