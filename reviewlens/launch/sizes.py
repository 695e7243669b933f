"""How large a machine a job's Fargate task gets, by the size of its file."""

from __future__ import annotations

from dataclasses import dataclass

_MB = 1_000_000


@dataclass(frozen=True)
class TaskSize:
    """`cpu` in units of 1/1024 processor, `memory` in MiB, `disk` in GiB: a combination that Fargate has."""

    cpu: int
    memory: int
    disk: int


SIZES: tuple[tuple[int, TaskSize], ...] = (
    (2 * _MB, TaskSize(1024, 4096, 21)),
    (20 * _MB, TaskSize(2048, 8192, 21)),
    (100 * _MB, TaskSize(4096, 16384, 30)),
    (500 * _MB, TaskSize(8192, 32768, 60)),
)
"""Files of at most so many bytes, and their size. A scoring worker is one processor and about 1 GB; twice as many
processors take half the time for about the same money, so a larger file gets more of them."""

LARGEST = TaskSize(16384, 65536, 150)
"""For all that are larger; Fargate has no more processors."""


def size_for(input_bytes: int) -> TaskSize:
    """The size for a file of so many bytes (as uploaded; 0 where that is not known: the smallest)."""
    return next((size for most, size in SIZES if input_bytes <= most), LARGEST)
