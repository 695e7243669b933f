"""Whether what the backend needs is there: looked at once for all who ask at about the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from reviewlens.errors import ReviewLensError

_GOOD_FOR_SECONDS = 1.0


class Readiness:
    """What the checks said, a moment ago: anybody may ask, and an account pays for what is asked of AWS.

    `checks`: each raises a ReviewLensError when what it looks at is not usable.
    """

    def __init__(self, checks: Mapping[str, Callable[[], object]]) -> None:
        self._checks = checks
        self._looking = threading.Lock()
        self._found: dict[str, str] = {}
        self._until = 0.0

    def found(self) -> dict[str, str]:
        """By name: ok, or the code of what is wrong. While one looks, others get what was seen before."""
        if time.monotonic() >= self._until and self._looking.acquire(blocking=not self._found):
            try:
                if time.monotonic() >= self._until:
                    self._found = {name: _outcome(check) for name, check in self._checks.items()}
                    self._until = time.monotonic() + _GOOD_FOR_SECONDS
            finally:
                self._looking.release()
        return self._found


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except ReviewLensError as error:
        return error.code
    return "ok"
