"""How often something may happen per key (a user, a name, an address): a token bucket in memory."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from reviewlens.errors import RateLimitError


class RateLimiter:
    """At most `per_minute` at once and `per_minute` a minute after that, for each key.

    Of more than `keys` keys the least recently seen are forgotten.
    """

    def __init__(
        self,
        per_minute: int,
        message: str,
        *,
        now: Callable[[], float] = time.monotonic,
        code: str | None = None,
        keys: int = 10_000,
    ) -> None:
        self._per_minute = per_minute
        self._message = message
        self._code = code
        self._now = now
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, key: str) -> None:
        """Count one use; RateLimitError, with the seconds to wait, when there were too many."""
        with self._lock:
            now = self._now()
            left, seen = self._buckets.pop(key, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - seen) * self._per_minute / 60)
            allowed = left >= 1
            self._buckets[key] = (left - 1 if allowed else left, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, math.ceil((1 - left) * 60 / self._per_minute))
            raise RateLimitError(self._message, retry_after_seconds=wait, code=self._code)
