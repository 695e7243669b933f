"""The interface of a launcher; adapters: subprocess and fargate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class TaskState(StrEnum):
    """State of a task. GONE: it does not run and its exit code is unknown (for example after a restart)."""

    RUNNING = "running"
    EXITED = "exited"
    GONE = "gone"


@dataclass(frozen=True)
class TaskStatus:
    """`exit_code` is set for EXITED; `reason` is a sentence that says why the task stopped, if known.

    `code` is a stable error code, set if the platform ended the task for a cause that the user must know (out of
    memory, missing image, ...). `counts`: whether the attempt counts towards the job's limit; false if the platform
    took the machine away.
    """

    state: TaskState
    exit_code: int | None = None
    reason: str = ""
    code: str = ""
    counts: bool = True


NO_CAPACITY = "no-capacity"
"""Code of the TransientError when no machine is available now; a retry helps, and the attempt does not count."""
VCPU_QUOTA = "vcpu-quota"
"""Code of the TransientError when the account's quota of vCPUs is used up; the job waits as for NO_CAPACITY."""
NO_MACHINE = frozenset({NO_CAPACITY, VCPU_QUOTA})


class Launcher(Protocol):
    """Errors: TransientError for failures that a retry may resolve, ConfigurationError for those that it cannot."""

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start `run_all.py --spec URI`; returns a handle (text) that stays valid when the caller restarts.

        `input_bytes`: size of the file, from which a launcher may choose the size of the machine.
        """
        ...

    def status(self, handle: str) -> TaskStatus:
        """Return the task's status; GONE if another program now has its process id."""
        ...

    def stop(self, handle: str) -> None:
        """Request a stop (SIGTERM), after which the job can be resumed. Returns immediately; ignores stopped tasks."""
        ...

    def kill(self, handle: str) -> None:
        """Kill the task and its child processes, for a task that does not react to `stop`; ignores stopped tasks."""
        ...
