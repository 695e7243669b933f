"""The number of workers for a job on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from reviewlens.settings import Settings

_CGROUP = Path("/sys/fs/cgroup")


def decide_workers(settings: Settings, cgroup: Path = _CGROUP) -> int:
    """`settings.workers`, or as many as processors and free memory (less Spark's own) allow; at least 1."""
    if settings.workers:
        return settings.workers
    spare = free_memory_mb(cgroup) - settings.driver_memory_mb - 512
    return max(1, min(processors(cgroup), spare // settings.worker_memory_mb))


def processors(cgroup: Path = _CGROUP) -> int:
    """Processors that this process may use, within its container's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if not quota:  # version 1 of control groups
        quota, period = (_read(cgroup / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    if quota.isdigit() and period.isdigit():
        count = min(count, max(1, round(int(quota) / int(period))))
    return count


def free_memory_mb(cgroup: Path = _CGROUP) -> int:
    """Free memory in MiB, within the container's limit."""
    free = int(psutil.virtual_memory().available)
    limit, used = _read(cgroup / "memory.max"), _read(cgroup / "memory.current")
    if not limit:  # version 1 of control groups, where "no limit" is a huge number
        limit, used = (_read(cgroup / "memory" / f"memory.{name}_in_bytes") for name in ("limit", "usage"))
    if limit.isdigit() and used.isdigit():
        free = min(free, int(limit) - int(used))
    return free // 2**20


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
