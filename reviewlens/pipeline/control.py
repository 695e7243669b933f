"""When a job must stop: it was cancelled, its process was asked to stop, or another task has taken it over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from reviewlens.errors import TerminalError, TransientError
from reviewlens.storage.interface import ObjectStore

_CHECK_EVERY_SECONDS = 0.5


class Cancelled(TerminalError):
    """The user cancelled the job."""

    default_code = "cancelled"


class Interrupted(TransientError):
    """The job stops and can be resumed."""

    default_code = "interrupted"


class LeaseLost(TransientError):
    """Another task has taken over the job."""

    default_code = "lease-lost"


class Control:
    """Checked between slices. A signal sets `stop`; `cancel_key` is checked at most twice a second."""

    def __init__(
        self, store: ObjectStore, cancel_key: str, stop: threading.Event, confirm_lease: Callable[[], None]
    ) -> None:
        self._store = store
        self._cancel_key = cancel_key
        self._stop = stop
        self._confirm_lease = confirm_lease
        self._next_check = 0.0
        self._cancelled = False

    @property
    def stopping(self) -> bool:
        """Whether the process was asked to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise Cancelled, Interrupted or LeaseLost if the job must stop."""
        if self.cancel_requested():
            raise Cancelled("The job was cancelled.")
        if self.stopping:
            raise Interrupted("The job was interrupted; it resumes where it stopped when it is started again.")
        self.check_lease()

    def check_lease(self) -> None:
        """Raise LeaseLost if another task has the job; checked right before every commit."""
        self._confirm_lease()

    def cancel_requested(self) -> bool:
        """Whether the cancel marker exists."""
        now = time.monotonic()
        if not self._cancelled and now >= self._next_check:
            self._next_check = now + _CHECK_EVERY_SECONDS
            self._cancelled = self._store.head(self._cancel_key) is not None
        return self._cancelled
