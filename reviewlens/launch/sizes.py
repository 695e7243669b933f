"""Chooses the size of a job's Fargate task by the size of its file."""

from __future__ import annotations

from dataclasses import dataclass, replace

_MB = 1_000_000


@dataclass(frozen=True)
class TaskSize:
    """`cpu` in units of 1/1024 processor, `memory` in MiB, `disk` in GiB: a combination that Fargate supports."""

    cpu: int
    memory: int
    disk: int


SIZES: tuple[tuple[int, TaskSize], ...] = (
    (2 * _MB, TaskSize(1024, 4096, 21)),
    (20 * _MB, TaskSize(2048, 8192, 21)),
    (100 * _MB, TaskSize(4096, 16384, 30)),
    (500 * _MB, TaskSize(8192, 32768, 60)),
)
"""Maximum bytes of a file, and the size of its task. A scoring worker needs one processor and about 1 GB. Twice as many
processors take half the time for about the same cost, so larger files get more processors."""

LARGEST = TaskSize(16384, 65536, 150)
"""For larger files; Fargate supports no more processors."""


def size_for(input_bytes: int, *, max_vcpu: int) -> TaskSize:
    """Return the task size for an uploaded file with this number of bytes; 0 (unknown) gives the smallest size.

    A task never has more than `max_vcpu` processors (at least one), but always the disk that its file needs.
    """
    wanted = next((size for max_bytes, size in SIZES if input_bytes <= max_bytes), LARGEST)
    allowed = [size for size in (*(size for _, size in SIZES), LARGEST) if size.cpu <= max_vcpu * 1024]
    return wanted if wanted in allowed else replace(allowed[-1], disk=wanted.disk)
