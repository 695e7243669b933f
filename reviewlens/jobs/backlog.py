"""Says in the log, once a minute, how many jobs wait and run: alarms and graphs outside are made of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from reviewlens.errors import ReviewLensError
from reviewlens.jobs.interface import LIVE, JobState, JobTable

_log = logging.getLogger(__name__)
_WAITING = (JobState.QUEUED, JobState.INTERRUPTED)
EVERY_SECONDS = 60.0
MOST_COUNTED = 1000


class Backlog:
    """One line with the fields `jobs_waiting` and `jobs_running`, each at most MOST_COUNTED; of all users' jobs."""

    def __init__(self, table: JobTable, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._next = float("-inf")

    def tell(self) -> None:
        """Log the line when it is due. A table that cannot be read is silence, which an alarm can hear."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + EVERY_SECONDS
        try:
            waiting, running = (
                len(self._table.in_states(states, limit=MOST_COUNTED)) for states in (_WAITING, tuple(LIVE))
            )
        except ReviewLensError:
            return
        _log.info("jobs", extra={"facts": {"jobs_waiting": waiting, "jobs_running": running}})
