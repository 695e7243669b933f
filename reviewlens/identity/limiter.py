"""Rate limits per key (a user, a name, an address): token buckets in memory."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from reviewlens.errors import RateLimitError


class RateLimiter:
    """Allows `per_minute` calls per minute for each key, with bursts of the same size.

    Keeps at most `keys` keys and drops the least recently used.
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
        """Count one call; RateLimitError, with the seconds to wait, when the limit is exceeded."""
        with self._lock:
            now = self._now()
            tokens, last = self._buckets.pop(key, (float(self._per_minute), now))
            tokens = min(float(self._per_minute), tokens + (now - last) * self._per_minute / 60)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, math.ceil((1 - tokens) * 60 / self._per_minute))
            raise RateLimitError(self._message, retry_after_seconds=wait, code=self._code)
