"""Translates the codes and reasons of a stopped ECS task into a TaskStatus."""

from __future__ import annotations

import logging
from typing import Any

from reviewlens.launch.interface import NO_CAPACITY, VCPU_QUOTA, TaskState, TaskStatus

log = logging.getLogger(__name__)

KILL_REASON = "ReviewLens killed the task because it made no progress."
STOP_REASON = "ReviewLens requested the stop."
NO_CAPACITY_MESSAGE = "AWS has no free machine for this job right now; it is retried automatically."
_RECLAIMED = frozenset({"SpotInterruption", "TerminationNotice", "InfrastructureHealth"})
_SIGKILL_EXIT = 137
_ENDED = frozenset({"DEPROVISIONING", "STOPPED", "DELETED"})
"""States in which the containers have ended."""


def is_no_capacity(message: str) -> bool:
    """Whether the message means that AWS has no machine now."""
    return message.startswith("RESOURCE:") or "capacity is unavailable" in message.lower()


def is_vcpu_quota(message: str) -> bool:
    """Whether the message means that the account's quota of vCPUs on Fargate is used up."""
    lower = message.lower()
    return "vcpu" in lower and ("reached the limit" in lower or "quota" in lower)


def quota_message(spot: bool) -> str:
    """A sentence that names the used-up quota and says what the operator requests."""
    name = (
        "Fargate Spot vCPU resource count (L-36FBB829)"
        if spot
        else "Fargate On-Demand vCPU resource count (L-3032A538)"
    )
    return (
        f"The AWS account's quota of vCPUs is used up: {name}. The job starts when another task ends; to run more at"
        " once, the operator requests a higher value of this quota in Service Quotas, under AWS Fargate."
    )


def task_status(task: dict[str, Any], container: str) -> TaskStatus:
    """Convert a task from DescribeTasks to a TaskStatus; `container` is the name of the job's container."""
    if task.get("lastStatus") not in _ENDED:
        return TaskStatus(TaskState.RUNNING)
    containers = task.get("containers") or [{}]
    job_container = next((each for each in containers if each.get("name") == container), containers[0])
    code: int | None = job_container.get("exitCode")
    stopped_reason = str(task.get("stoppedReason") or "")
    reasons = f"{stopped_reason} {job_container.get('reason') or ''}"
    stop_code = task.get("stopCode")
    state = TaskState.GONE if code is None else TaskState.EXITED
    log.info("a task stopped: %s, exit code %s: %s", stop_code, code, reasons[:500])
    if stopped_reason == KILL_REASON:  # the exit code does not matter: the task was stuck
        return TaskStatus(TaskState.GONE, reason=stopped_reason)
    if stop_code in _RECLAIMED:
        return TaskStatus(state, code, "AWS took the task's machine back; the job continues on another.", counts=False)
    if stop_code == "UserInitiated":
        # A non-zero exit code says how the task stopped; after 0 the job's result is read from the store.
        reason = stopped_reason or "The task was stopped."
        return TaskStatus(state, code, reason, counts=False) if code else TaskStatus(TaskState.GONE, None, reason)
    if "OutOfMemory" in reasons or code == _SIGKILL_EXIT:
        return TaskStatus(
            state,
            code,
            f"The task ran out of memory (its machine has {task.get('memory', '?')} MiB): ask the operator for"
            " fewer workers (REVIEWLENS_WORKERS) or a larger machine, or split the file.",
            code="task-out-of-memory",
        )
    if code is not None:
        return TaskStatus(state, code, f"exit code {code}")
    return _not_started(reasons, spot=task.get("capacityProviderName") == "FARGATE_SPOT")


def _not_started(reasons: str, *, spot: bool) -> TaskStatus:
    log.warning("a task could not be started: %s", reasons[:1000])
    if is_vcpu_quota(reasons):
        return TaskStatus(TaskState.GONE, reason=quota_message(spot), code=VCPU_QUOTA)
    if is_no_capacity(reasons):
        return TaskStatus(TaskState.GONE, reason=NO_CAPACITY_MESSAGE, code=NO_CAPACITY)
    if "CannotPull" in reasons or "pull image" in reasons:
        return TaskStatus(
            TaskState.GONE,
            reason="AWS cannot pull the task's container image: the operator must check that it exists and that"
            " the task's role and network can access it.",
            code="task-image",
        )
    if "no space left" in reasons.lower():
        return TaskStatus(
            TaskState.GONE, reason="The disk of the task's machine is full; split the file.", code="task-disk-full"
        )
    return TaskStatus(
        TaskState.GONE,
        reason="AWS could not prepare the task's machine (network, secrets, log group or command); the operator"
        " finds AWS's message in the backend's log.",
        code="task-not-started",
    )
