"""What a launcher promises; adapters: subprocess, fargate (with EMR Serverless for large files)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class TaskState(StrEnum):
    """A task as its launcher sees it. GONE: it does not run and no exit code is known (for example after a restart)."""

    RUNNING = "running"
    EXITED = "exited"
    GONE = "gone"


@dataclass(frozen=True)
class TaskStatus:
    """`exit_code` is set for EXITED; `reason` says in words why it stopped, where that is known.

    `code` is set where the surroundings ended the task for a cause that a person must hear of (no memory left, no such
    image, ...): stable, with `reason` in plain words. `counts`: whether the attempt counts against the job; false where
    the task was taken away through no fault of its own.
    """

    state: TaskState
    exit_code: int | None = None
    reason: str = ""
    code: str = ""
    counts: bool = True


NO_CAPACITY = "no-capacity"
"""Code of the TransientError when there is no machine to be had now: waiting helps, and no attempt is lost."""


class Launcher(Protocol):
    """Errors: TransientError when a task cannot be started or asked after now, ConfigurationError when it never can."""

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start `run_all.py --spec URI`; returns a handle (text) that survives a restart of the caller.

        `input_bytes`: size of the file, by which a launcher that can choose picks a machine.
        """
        ...

    def status(self, handle: str) -> TaskStatus:
        """What became of it; a handle of another program that reused the process id is GONE, never RUNNING."""
        ...

    def stop(self, handle: str) -> None:
        """Ask it to stop and leave resumable (SIGTERM); returns at once; not running is fine."""
        ...

    def kill(self, handle: str) -> None:
        """End it and its helpers at once, for one that does not heed `stop`; not running is fine."""
        ...
