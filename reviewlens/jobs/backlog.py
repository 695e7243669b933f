"""Logs once a minute how many jobs wait and run, for alarms and graphs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from reviewlens.errors import ReviewLensError
from reviewlens.jobs.interface import LIVE, JobState, JobTable

_log = logging.getLogger(__name__)
_WAITING = (JobState.QUEUED, JobState.INTERRUPTED)
EVERY_SECONDS = 60.0
MAX_COUNTED = 1000


class Backlog:
    """One log line with `jobs_waiting` and `jobs_running` over all users, each counted up to MAX_COUNTED."""

    def __init__(self, table: JobTable, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._next = float("-inf")

    def log(self) -> None:
        """Log the line when it is due. No line is logged when the table cannot be read; an alarm can detect that."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + EVERY_SECONDS
        try:
            waiting, running = (
                len(self._table.in_states(states, limit=MAX_COUNTED)) for states in (_WAITING, tuple(LIVE))
            )
        except ReviewLensError:
            return
        _log.info("jobs", extra={"facts": {"jobs_waiting": waiting, "jobs_running": running}})
