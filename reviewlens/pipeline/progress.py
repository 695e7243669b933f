"""How far a job is and how long its stages took: progress.json for those who watch, timings for the summary."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from reviewlens.storage.interface import ObjectStore

STAGES: dict[str, str] = {
    "read": "Reading the file",
    "clean": "Cleaning the texts",
    "deduplicate": "Finding repeated reviews",
    "infer": "Scoring reviews",
    "assemble": "Putting the results together",
    "publish": "Saving the results",
}
"""Stages in order, each with its label."""

_EVERY_SECONDS = 1.0


class Progress:
    """Writes progress.json about once a second and adds up, over all attempts, the seconds spent in each stage.

    Speed and time left are reckoned from this attempt's own work in the present stage. Time left is told only from
    scoring on: before, the longest stage's speed is not known.
    """

    def __init__(self, store: ObjectStore, key: str, timings_key: str) -> None:
        self._store = store
        self._key = key
        self._timings_key = timings_key
        self._started_at = now_iso()
        self._stage = "read"
        self._entered = self._saved = time.monotonic()
        self._written = 0.0
        self._done = self._done_before = 0
        self._total: int | None = None
        self._reused = 0
        self._reused_lock = threading.Lock()
        found = store.head(timings_key)
        kept: dict[str, Any] = json.loads(store.get(timings_key)) if found else {}
        self._timings: dict[str, float] = {
            name: kept.get(f"{name}_seconds", 0.0) for name in (*STAGES, "total", "start")
        }
        self._first_started_at: str = kept.get("started_at", self._started_at)
        self._attempts: int = kept.get("attempts", 0) + 1

    @contextmanager
    def stage(self, name: str, done: int = 0, total: int | None = None) -> Iterator[None]:
        """Be in a stage of which `done` rows were done by earlier attempts."""
        self._keep_time()
        self._stage, self._done, self._done_before, self._total = name, done, done, total
        self._entered = time.monotonic()
        self.write()
        try:
            yield
        finally:
            self._keep_time()
            self.write()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that is no stage's own, such as Spark and the engines starting; counted as `start_seconds`."""
        self._keep_time()
        stage, self._stage = self._stage, "start"
        try:
            yield
        finally:
            self._keep_time()
            self._stage = stage
            self._entered = time.monotonic()

    def advance(self, rows: int) -> None:
        """So many more rows are done in this stage."""
        self._done += rows
        if time.monotonic() - self._written >= _EVERY_SECONDS:
            self.write()

    def reused(self, scores: int | None) -> None:
        """So many more scores came from earlier jobs (from any thread); None: those told so far are void."""
        with self._reused_lock:
            self._reused = 0 if scores is None else self._reused + scores

    def write(self) -> None:
        """Write both documents now."""
        self._keep_time()
        self._written = time.monotonic()
        speed = self._speed()
        left = None
        if speed and self._total is not None and self._stage in ("infer", "assemble"):
            left = round((self._total - self._done) / speed, 1)
        shown = self._stage if self._stage in STAGES else "infer"
        document = {
            "stage": shown,
            "label": STAGES[shown],
            "stage_number": list(STAGES).index(shown) + 1,
            "stages": len(STAGES),
            "rows_done": self._done,
            "rows_total": self._total,
            "rows_per_second": speed,
            "seconds_left": left,
            "rows_reused": self._reused,
            "updated_at": now_iso(),
            "attempt_started_at": self._started_at,
        }
        self._store.put(self._key, json.dumps(document).encode())
        self._store.put(self._timings_key, json.dumps(self._kept()).encode())

    def timings(self) -> dict[str, object]:
        """The summary's `timings`, as of now."""
        self._keep_time()
        kept = self._kept()
        return {**kept, "finished_at": now_iso()}

    def _kept(self) -> dict[str, object]:
        seconds = {f"{name}_seconds": round(value, 3) for name, value in self._timings.items()}
        return {"started_at": self._first_started_at, "attempts": self._attempts, **seconds}

    def _keep_time(self) -> None:
        now = time.monotonic()
        self._timings[self._stage] += now - self._saved
        self._timings["total"] += now - self._saved
        self._saved = now

    def _speed(self) -> float | None:
        seconds = time.monotonic() - self._entered
        rows = self._done - self._done_before
        return round(rows / seconds, 1) if rows and seconds > 0 else None


def now_iso() -> str:
    """This moment, ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
