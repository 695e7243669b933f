"""What a stopped ECS task's codes and reasons mean, in words."""

from __future__ import annotations

import logging
from typing import Any

from reviewlens.launch.interface import NO_CAPACITY, TaskState, TaskStatus

log = logging.getLogger(__name__)

KILLED = "ReviewLens ended it: it no longer got on."
ASKED = "ReviewLens asked it to stop."
NO_CAPACITY_WORDS = "AWS has no free machine for this job right now; it is tried again by itself."
_TAKEN_AWAY = frozenset({"SpotInterruption", "TerminationNotice", "InfrastructureHealth"})
_SIGKILL_EXIT = 137
_ENDED = frozenset({"DEPROVISIONING", "STOPPED", "DELETED"})
"""Its containers have ended; what is still to do concerns AWS alone."""


def says_no_capacity(words: str) -> bool:
    """Whether AWS has no machine now, or no more of them for this account."""
    lower = words.lower()
    return words.startswith("RESOURCE:") or "capacity is unavailable" in lower or "reached the limit" in lower


def task_status(task: dict[str, Any], container: str) -> TaskStatus:
    """The state of a task as DescribeTasks tells it."""
    if task.get("lastStatus") not in _ENDED:
        return TaskStatus(TaskState.RUNNING)
    containers = task.get("containers") or [{}]
    own = next((one for one in containers if one.get("name") == container), containers[0])
    code: int | None = own.get("exitCode")
    told = str(task.get("stoppedReason") or "")
    words = f"{told} {own.get('reason') or ''}"
    stop_code = task.get("stopCode")
    state = TaskState.GONE if code is None else TaskState.EXITED
    log.info("a task ended: %s, exit code %s: %s", stop_code, code, words[:500])
    if told == KILLED:  # also one that then left politely: it had got stuck
        return TaskStatus(TaskState.GONE, reason=told)
    if stop_code in _TAKEN_AWAY:
        return TaskStatus(state, code, "AWS took the task's machine back; the job goes on on another.", counts=False)
    if stop_code == "UserInitiated":
        # A task that was stopped says by its exit code how it left; 0 says nothing, the store knows.
        reason = told or "It was stopped."
        return TaskStatus(state, code, reason, counts=False) if code else TaskStatus(TaskState.GONE, None, reason)
    if "OutOfMemory" in words or code == _SIGKILL_EXIT:
        return TaskStatus(
            state,
            code,
            f"The task needed more memory than its machine has ({task.get('memory', '?')} MiB) and was ended: ask the"
            " administrator for fewer workers (REVIEWLENS_WORKERS) or a larger machine, or split the file.",
            code="task-out-of-memory",
        )
    if code is not None:
        return TaskStatus(state, code, f"exit code {code}")
    return _not_started(words)


def _not_started(words: str) -> TaskStatus:
    log.warning("a task could not be started: %s", words[:1000])
    if says_no_capacity(words):
        return TaskStatus(TaskState.GONE, reason=NO_CAPACITY_WORDS, code=NO_CAPACITY)
    if "CannotPull" in words or "pull image" in words:
        return TaskStatus(
            TaskState.GONE,
            reason="The task's container image cannot be fetched: the administrator must look whether it exists and"
            " whether the task's role and network reach it.",
            code="task-image",
        )
    if "no space left" in words.lower():
        return TaskStatus(
            TaskState.GONE, reason="The disk of the task's machine is full; split the file.", code="task-disk-full"
        )
    return TaskStatus(
        TaskState.GONE,
        reason="AWS could not prepare the task's machine (its network, secrets, log group or program); the"
        " administrator finds AWS's own words in the backend's log.",
        code="task-not-started",
    )
