"""Limits per key (a user, a name, an address), in memory: calls a minute, and calls in progress at once."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reviewlens.errors import RateLimitError

_RETRY_AFTER_SECONDS = 5


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


class AtOnceLimiter:
    """Allows `per_key` calls at once for each key, and `in_all` for all keys together."""

    def __init__(self, per_key: int, message: str, *, code: str, in_all: int | None = None) -> None:
        self._per_key = per_key
        self._in_all = in_all
        self._message = message
        self._code = code
        self._in_progress: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, key: str) -> Iterator[None]:
        """Count one call until the block ends; RateLimitError when as many as are allowed are in progress."""
        with self._lock:
            full = self._in_all is not None and self._in_progress.total() >= self._in_all
            if full or self._in_progress[key] >= self._per_key:
                raise RateLimitError(self._message, retry_after_seconds=_RETRY_AFTER_SECONDS, code=self._code)
            self._in_progress[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_progress[key] -= 1
                if not self._in_progress[key]:
                    del self._in_progress[key]
