"""Maintenance in a thread of its own, so that it does not hold up jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from reviewlens.errors import ReviewLensError
from reviewlens.jobs.service import JobService
from reviewlens.storage.downloads import evict_unused
from reviewlens.uploads.service import UploadService

_log = logging.getLogger(__name__)
LOOK_EVERY_SECONDS = 20.0
DELETIONS_EVERY_SECONDS = 60.0
UPLOADS_EVERY_SECONDS = 6 * 3600.0
COPIES_EVERY_SECONDS = 600.0
COPIES_UNUSED_SECONDS = 24 * 3600.0
"""Local copies of results are deleted when they were not used for this long."""
COPIES_IDLE_SECONDS = 3600.0
MAX_COPIED_BYTES = 5_000_000_000
"""Above this size the least recently used copies are deleted sooner, but none used within COPIES_IDLE_SECONDS."""


class Housekeeping:
    """Finishes broken-off deletions, deletes incomplete uploads, and deletes local copies that are no longer used.

    `tick()` does what is due; `clock` is in seconds. Backends that share a store each do all of it: every task may be
    done twice.
    """

    def __init__(
        self,
        service: JobService,
        uploads: UploadService,
        cache_dir: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._cache_dir = cache_dir
        self._tasks: tuple[tuple[str, Callable[[], int], float], ...] = (
            ("deletions finished", service.finish_deletions, DELETIONS_EVERY_SECONDS),
            ("incomplete uploads deleted", uploads.sweep, UPLOADS_EVERY_SECONDS),
            ("local copies deleted", self._drop_copies, COPIES_EVERY_SECONDS),
        )
        self._due = [float("-inf")] * len(self._tasks)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self, *, wait_seconds: float = 5.0) -> None:
        """Start nothing new. A task that is still running after `wait_seconds` may be cut off; it is repeated later."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(wait_seconds)

    def tick(self) -> None:
        """One round. An error in one task does not hold up the others."""
        for index, (name, act, interval) in enumerate(self._tasks):
            if self._stopping.is_set() or self._clock() < self._due[index]:
                continue
            self._due[index] = self._clock() + interval
            try:
                count = act()
            except ReviewLensError as error:
                _log.warning("%s: failed (%s)", name, error.code)
            except Exception:  # noqa: BLE001 - one task must not stop the thread
                _log.exception("%s: failed", name)
            else:
                if count:
                    _log.info("%s: %d", name, count)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(LOOK_EVERY_SECONDS)

    def _drop_copies(self) -> int:
        return evict_unused(
            self._cache_dir,
            unused_seconds=COPIES_UNUSED_SECONDS,
            idle_seconds=COPIES_IDLE_SECONDS,
            max_bytes=MAX_COPIED_BYTES,
        )
