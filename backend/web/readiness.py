"""Whether a service can work: one check serves all who ask at about the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from reviewlens.errors import ReviewLensError

_GOOD_FOR_SECONDS = 1.0


class Readiness:
    """Keeps the outcomes of checks for a second: the route is open, and each check may cost a request to AWS.

    `checks`: each raises a ReviewLensError when what it looks at cannot be used.
    """

    def __init__(self, checks: Mapping[str, Callable[[], object]]) -> None:
        self._checks = checks
        self._checking = threading.Lock()
        self._outcomes: dict[str, str] = {}
        self._until = 0.0

    def outcomes(self) -> dict[str, str]:
        """By name: ok, or an error code. While one caller checks, others get the previous outcomes."""
        if time.monotonic() >= self._until and self._checking.acquire(blocking=not self._outcomes):
            try:
                if time.monotonic() >= self._until:
                    self._outcomes = {name: _outcome(check) for name, check in self._checks.items()}
                    self._until = time.monotonic() + _GOOD_FOR_SECONDS
            finally:
                self._checking.release()
        return self._outcomes


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except ReviewLensError as error:
        return error.code
    return "ok"
