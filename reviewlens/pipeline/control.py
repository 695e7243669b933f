"""When a job must stop: somebody cancelled it, the machine wants it to leave, or another runner has taken it over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from reviewlens.errors import TerminalError, TransientError
from reviewlens.storage.interface import ObjectStore

_LOOK_EVERY_SECONDS = 0.5


class Cancelled(TerminalError):
    """The person asked for an end."""

    default_code = "cancelled"


class Interrupted(TransientError):
    """The job stops now and can be resumed."""

    default_code = "interrupted"


class LeaseLost(TransientError):
    """Another runner has the job now."""

    default_code = "lease-lost"


class Control:
    """Asked between slices. `stop` is set by a signal; `cancel_key` is looked at no more than twice a second."""

    def __init__(
        self, store: ObjectStore, cancel_key: str, stop: threading.Event, confirm_lease: Callable[[], None]
    ) -> None:
        self._store = store
        self._cancel_key = cancel_key
        self._stop = stop
        self._confirm_lease = confirm_lease
        self._next_look = 0.0
        self._cancelled = False

    @property
    def stopping(self) -> bool:
        """Whether the machine wants the job to leave."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise Cancelled, Interrupted or LeaseLost when the job must stop."""
        if self.cancel_requested():
            raise Cancelled("The job was cancelled.")
        if self.stopping:
            raise Interrupted("The job was interrupted; it goes on where it stopped when it is started again.")
        self.check_lease()

    def check_lease(self) -> None:
        """Raise LeaseLost when the job is no longer ours; asked right before every commit."""
        self._confirm_lease()

    def cancel_requested(self) -> bool:
        """Whether the cancel marker is there."""
        now = time.monotonic()
        if not self._cancelled and now >= self._next_look:
            self._next_look = now + _LOOK_EVERY_SECONDS
            self._cancelled = self._store.head(self._cancel_key) is not None
        return self._cancelled
