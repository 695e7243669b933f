"""What nobody asks for and somebody must do, in a thread of its own: it may take long and holds up no job."""

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
"""Copies of results on this machine that nobody has looked at for so long go."""
COPIES_IDLE_SECONDS = 3600.0
MOST_COPIED_BYTES = 5_000_000_000
"""Where there are more, the least recently used go sooner, but none that was looked at in COPIES_IDLE_SECONDS."""


class Housekeeping:
    """Ends deletions that broke off, sweeps uploads that never came whole, and drops copies that nobody looks at.

    `tick()` does what is due; `clock` is in seconds. Where several backends share a store each does all of it: nothing
    here does harm when it is done twice.
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
        self._duties: tuple[tuple[str, Callable[[], int], float], ...] = (
            ("deletions ended", service.end_deletions, DELETIONS_EVERY_SECONDS),
            ("uploads swept", uploads.sweep, UPLOADS_EVERY_SECONDS),
            ("copies dropped", self._drop_copies, COPIES_EVERY_SECONDS),
        )
        self._due = [float("-inf")] * len(self._duties)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tick in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self, *, wait_seconds: float = 5.0) -> None:
        """Begin nothing new; what is under way may be cut off, as by a kill, and is done again at the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(wait_seconds)

    def tick(self) -> None:
        """One round; trouble with one thing holds up no other."""
        for number, (what, act, every) in enumerate(self._duties):
            if self._stopping.is_set() or self._clock() < self._due[number]:
                continue
            self._due[number] = self._clock() + every
            try:
                count = act()
            except ReviewLensError as error:
                _log.warning("%s: not now (%s)", what, error.code)
            except Exception:  # noqa: BLE001 - one thing must not stop the thread that does the others
                _log.exception("%s: broke off", what)
            else:
                if count:
                    _log.info("%s: %d", what, count)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(LOOK_EVERY_SECONDS)

    def _drop_copies(self) -> int:
        return evict_unused(
            self._cache_dir,
            unused_seconds=COPIES_UNUSED_SECONDS,
            idle_seconds=COPIES_IDLE_SECONDS,
            max_bytes=MOST_COPIED_BYTES,
        )
