"""Time in tests: a clock that tests move, and waiting for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable


class FakeClock:
    """Stands in for the module `time`, or for one of its functions: it moves only when a test moves it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Return when the condition holds; fail after `seconds`, which only stops a test that would never end."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)
