"""What a launcher promises; adapters: subprocess, fargate."""

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
    """`exit_code` is set for EXITED; `reason` says in words why it stopped, where that is known."""

    state: TaskState
    exit_code: int | None = None
    reason: str = ""


class Launcher(Protocol):
    """Errors: TransientError when a task cannot be started now, ConfigurationError when it never can."""

    def start(self, spec_uri: str) -> str:
        """Start `run_all.py --spec URI`; returns a handle (text) that survives a restart of the caller."""
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
