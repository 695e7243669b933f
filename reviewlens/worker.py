"""Runs jobs: the data folder's lock, the dispatcher and housekeeping. One worker per data folder."""

from __future__ import annotations

from collections.abc import Callable

from filelock import FileLock, Timeout

from reviewlens.errors import ConfigurationError
from reviewlens.jobs.dispatcher import Dispatcher
from reviewlens.jobs.housekeeping import Housekeeping
from reviewlens.jobs.interface import Job
from reviewlens.platform import Platform
from reviewlens.private import FILE_MODE, make_private_folder


class Worker:
    """`start()` runs jobs in threads until `stop()`; the command line calls `dispatcher.tick()` itself instead.

    Creating it locks the data folder: ConfigurationError (`already-running`) where another worker has the lock. Workers
    with data folders of their own may share a store and a job table. `on_finish` is called with every job that this
    worker brings to an end.
    """

    def __init__(self, platform: Platform, *, on_finish: Callable[[Job], None] = lambda job: None) -> None:
        if not platform.data_dir.is_dir():
            make_private_folder(platform.data_dir)
        self._lock = FileLock(platform.data_dir / "backend.lock", mode=FILE_MODE)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ConfigurationError(
                f"Another ReviewLens backend is using {platform.data_dir}. Stop it, or give this one a folder of its"
                " own in REVIEWLENS_DATA_DIR.",
                code="already-running",
            ) from error
        try:
            self.dispatcher = Dispatcher(platform.jobs, platform.launcher, on_finish=on_finish)
            self.housekeeping = Housekeeping(platform.jobs, platform.uploads, platform.cache_dir)
        except BaseException:
            self._lock.release()
            raise

    def start(self) -> None:
        """Start the threads."""
        self.dispatcher.start()
        self.housekeeping.start()

    def stop(self) -> None:
        """Stop the threads, interrupt jobs (resumably) where the settings say so, and release the lock."""
        try:
            self.housekeeping.stop()
            self.dispatcher.stop()
        finally:
            self.close()

    def close(self) -> None:
        """Release the lock, where the threads were not started."""
        self._lock.release()
