"""Ids of jobs and uploads: random, safe in a key, sorted by the time they were made."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime


def new_id() -> str:
    """Eleven hex digits of milliseconds since 1970, then 64 random bits in hex."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(8)}"


def now() -> str:
    """The present as ISO 8601 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
