"""The limits that a worker process sets for itself before it reads anything foreign."""

from __future__ import annotations

import contextlib
import math
import resource
from pathlib import Path

MAX_OPEN_FILES = 64
MAX_FILE_BYTES = 256 << 20
"""Largest file that may be written: the model that recognises languages unpacks itself into a temporary one."""


def confine(memory_bytes: int) -> None:
    """Limit this process's address space and open files, the size of files that it writes, and forbid core dumps.

    A limit that the system lacks is left out (macOS ignores the one on address space): a crash still stays in this
    process.
    """
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", MAX_FILE_BYTES)
    _limit("RLIMIT_NOFILE", MAX_OPEN_FILES)
    _limit("RLIMIT_AS", memory_bytes)
    with contextlib.suppress(OSError):  # Linux: if memory runs out, this process goes before its parent
        Path("/proc/self/oom_score_adj").write_text("1000")


def allow_cpu_seconds(seconds: float) -> None:
    """Let this process use so much more CPU time from now on; then the system kills it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def peak_bytes() -> int:
    """The most memory that this process has used; 0 where that is unknown."""
    # Not getrusage: on Linux it counts from before the program was started, when the memory was the parent's.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _limit(name: str, value: int) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        resource.setrlimit(getattr(resource, name), (value, value))
