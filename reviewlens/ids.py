"""Ids of jobs and uploads (random, safe in a key, sorted by creation time) and time stamps."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

_lock = threading.Lock()
_latest = 0


def new_id() -> str:
    """Return 11 hex digits of milliseconds since 1970 and 64 random bits in hex; ids of one process always increase."""
    global _latest
    with _lock:
        _latest = max(_latest + 1, time.time_ns() // 1_000_000)
        return f"{_latest:011x}{secrets.token_hex(8)}"


def now() -> str:
    """Return the current time as ISO 8601 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def seconds_since(stamp: str, present: datetime | None = None) -> float:
    """Return the seconds since a time stamp from `now`; negative if the clock was set back."""
    return ((present or datetime.now(UTC)) - datetime.fromisoformat(stamp)).total_seconds()
