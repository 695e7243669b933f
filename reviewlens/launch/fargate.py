"""Starts a job's task on AWS: an ECS Fargate task."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from reviewlens import aws
from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.launch.handles import job_id_of, read_handle, task_name, write_handle
from reviewlens.launch.interface import NO_CAPACITY, NO_MACHINE, VCPU_QUOTA, TaskState, TaskStatus
from reviewlens.launch.sizes import size_for
from reviewlens.launch.stopped import (
    KILL_REASON,
    NO_CAPACITY_MESSAGE,
    STOP_REASON,
    is_no_capacity,
    is_vcpu_quota,
    quota_message,
    task_status,
)
from reviewlens.settings import Settings

log = logging.getLogger(__name__)

COMMAND = ("python", "sentiment-pipeline/run_all.py")
SPOT_PAUSE_SECONDS = 600.0
"""How long tasks run on demand after Spot has no capacity."""
CAPACITY_PAUSE_SECONDS = 20.0
"""Pause before the next request after AWS has no capacity at all."""
_NEW_SECONDS = 120.0
"""DescribeTasks may not know a new task yet; an unknown task counts as starting for this time."""
_DESCRIBE_BATCH = 100
_MAX_OBSERVED = 2000
_PERMANENT_ERRORS = (
    "ClusterNotFoundException",
    "InvalidParameterException",
    "ClientException",
    "UnsupportedFeatureException",
    "PlatformUnknownException",
    "PlatformTaskDefinitionIncompatibilityException",
    "BlockedException",
)


@dataclass(frozen=True)
class _Observation:
    """The last known status of a task, and the time of the request."""

    cluster: str
    status: TaskStatus
    time: float

    @property
    def final(self) -> bool:
        return self.status.state is not TaskState.RUNNING


class FargateLauncher:
    """Handles are JSON with cluster and task ARN.

    All tasks of a spec have the same name (`startedBy`), so that `start` finds a running one instead of starting a
    second one, for example after a response was lost or the caller stopped before it stored the handle. The status of a
    task is cached for `poll_seconds`, and one request describes all tasks.
    """

    def __init__(
        self,
        settings: Settings,
        client: Any = None,
        *,
        command: Sequence[str] = COMMAND,
        poll_seconds: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._ecs = client if client is not None else aws.client("ecs")
        self._command = list(command)
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._observed: OrderedDict[str, _Observation] = OrderedDict()
        self._tokens: dict[tuple[str, str], str] = {}
        self._spot_again_at = self._any_again_at = clock()
        self._refusal = _no_capacity()

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start a task with a size that suits the file, or find the one that already runs for this spec.

        Errors: TransientError (`no-capacity` if AWS has no machine now, `vcpu-quota` if the account's quota is used
        up), ConfigurationError.
        """
        arn = self._running_task(spec_uri) or self._run_task(spec_uri, input_bytes)
        self._observe(arn, self._settings.ecs_cluster, TaskStatus(TaskState.RUNNING))
        return write_handle(cluster=self._settings.ecs_cluster, task=arn, started=time.time())

    def status(self, handle: str) -> TaskStatus:
        """RUNNING until the containers end; GONE when ECS no longer knows the task (about an hour after its end)."""
        task = read_handle(handle, "cluster", "task")
        if task is None:
            return TaskStatus(TaskState.GONE)
        arn = task["task"]
        with self._lock:
            last = self._observed.get(arn)
        if last is None or not (last.final or self._clock() - last.time < self._poll_seconds):
            self._describe(task["cluster"], arn, task.get("started"))
        with self._lock:
            return self._observed[arn].status

    def stop(self, handle: str) -> None:
        """Stop the task: SIGTERM, then SIGKILL after the container's stopTimeout."""
        self._stop_task(handle, STOP_REASON)

    def kill(self, handle: str) -> None:
        """Stop the task; ECS has no force kill. The task's exit code is then ignored."""
        self._stop_task(handle, KILL_REASON)

    # -- Starting tasks -----------------------------------------------------------------------------------------------

    def _running_task(self, spec_uri: str) -> str | None:
        with self._errors():
            response = self._ecs.list_tasks(cluster=self._settings.ecs_cluster, startedBy=task_name(spec_uri))
        if response["taskArns"]:
            log.info("job %s already has a task", job_id_of(spec_uri))
        return min(response["taskArns"], default=None)

    def _run_task(self, spec_uri: str, input_bytes: int) -> str:
        if self._clock() < self._any_again_at:
            raise TransientError(str(self._refusal), code=self._refusal.code)
        if self._settings.ecs_spot and self._clock() >= self._spot_again_at:
            try:
                return self._run_on("FARGATE_SPOT", spec_uri, input_bytes)
            except TransientError as error:
                if error.code not in NO_MACHINE:
                    raise
                self._spot_again_at = self._clock() + SPOT_PAUSE_SECONDS
                log.warning("no Spot task for job %s, it runs on demand: %s", job_id_of(spec_uri), error)
        try:
            return self._run_on("FARGATE", spec_uri, input_bytes)
        except TransientError as error:
            if error.code in NO_MACHINE:
                self._any_again_at = self._clock() + CAPACITY_PAUSE_SECONDS
                self._refusal = error
                log.warning("no task for job %s: %s", job_id_of(spec_uri), error)
            raise

    def _run_on(self, provider: str, spec_uri: str, input_bytes: int) -> str:
        """Run a task and return its ARN. Errors: TransientError, with a code of NO_MACHINE where a later try helps."""
        # The same token is used until a request succeeds, so that a repeated request does not start a second task.
        token = self._tokens.setdefault((spec_uri, provider), uuid.uuid4().hex)
        with self._errors():
            try:
                response = self._ecs.run_task(clientToken=token, **self._request(provider, spec_uri, input_bytes))
            except ClientError as error:
                message = str(error.response.get("Error", {}).get("Message", ""))
                if (refusal := _refusal(message, provider)) is not None:
                    raise refusal from error
                if "inactive" in message.lower():  # after a rollback, while a backend of the new version still runs
                    raise TransientError(
                        "The revision of the task definition was just withdrawn; the job is started with the next one.",
                        code="launch-failed",
                    ) from error
                raise
        self._tokens.pop((spec_uri, provider), None)
        if response.get("tasks"):
            return str(response["tasks"][0]["taskArn"])
        reasons = " ".join(str(failure.get("reason")) for failure in response.get("failures", []))
        log.warning("cannot start a task for job %s: %s", job_id_of(spec_uri), reasons)
        if (refusal := _refusal(reasons, provider)) is not None:
            raise refusal
        raise TransientError(
            f"AWS did not start the job's task ({reasons or 'no reason given'}).", code="launch-failed"
        )

    def _request(self, provider: str, spec_uri: str, input_bytes: int) -> dict[str, Any]:
        settings = self._settings
        size = size_for(input_bytes, max_vcpu=settings.ecs_max_vcpu)
        network = {
            "subnets": _names(settings.ecs_subnets),
            "securityGroups": _names(settings.ecs_security_groups),
            "assignPublicIp": "ENABLED" if settings.ecs_assign_public_ip else "DISABLED",
        }
        container = {"name": settings.ecs_container, "command": [*self._command, "--spec", spec_uri]}
        return {
            "cluster": settings.ecs_cluster,
            "taskDefinition": settings.ecs_task_definition,
            "count": 1,
            "capacityProviderStrategy": [{"capacityProvider": provider, "weight": 1}],
            "networkConfiguration": {"awsvpcConfiguration": network},
            "overrides": {
                "cpu": str(size.cpu),
                "memory": str(size.memory),
                "ephemeralStorage": {"sizeInGiB": size.disk},
                "containerOverrides": [container],
            },
            "startedBy": task_name(spec_uri),
            "propagateTags": "TASK_DEFINITION",
            "tags": [{"key": "reviewlens:job", "value": job_id_of(spec_uri)[:256]}],
        }

    # -- Watching and stopping tasks ----------------------------------------------------------------------------------

    def _describe(self, cluster: str, arn: str, started: object) -> None:
        with self._lock:
            others = [
                other
                for other, last in self._observed.items()
                if other != arn and not last.final and last.cluster == cluster
            ][: _DESCRIBE_BATCH - 1]
        with self._errors():
            response = self._ecs.describe_tasks(cluster=cluster, tasks=[arn, *others])
        known = {task["taskArn"] for task in response["tasks"]}
        with self._lock:
            for other in others:
                if other not in known:
                    self._observed.pop(other, None)  # ECS no longer knows it; the next `status` asks for it alone
        for task in response["tasks"]:
            status = task_status(task, self._settings.ecs_container)
            if status.code in NO_MACHINE:
                self._spot_again_at = self._clock() + SPOT_PAUSE_SECONDS
            self._observe(task["taskArn"], cluster, status)
        if arn not in known:
            new = isinstance(started, int | float) and abs(time.time() - started) < _NEW_SECONDS
            self._observe(arn, cluster, TaskStatus(TaskState.RUNNING if new else TaskState.GONE))

    def _observe(self, arn: str, cluster: str, status: TaskStatus) -> None:
        with self._lock:
            self._observed[arn] = _Observation(cluster, status, self._clock())
            self._observed.move_to_end(arn)
            while len(self._observed) > _MAX_OBSERVED:
                self._observed.popitem(last=False)

    def _stop_task(self, handle: str, reason: str) -> None:
        task = read_handle(handle, "cluster", "task")
        if task is None:
            return
        with self._errors():
            try:
                self._ecs.stop_task(cluster=task["cluster"], task=task["task"], reason=reason)
            except ClientError as error:
                if aws.error_code(error) != "InvalidParameterException":  # ECS no longer knows the task
                    raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with aws.translate_errors("ecs", {code: _launch_impossible(code) for code in _PERMANENT_ERRORS}):
            yield


def _names(comma_separated: str) -> list[str]:
    return [name.strip() for name in comma_separated.split(",") if name.strip()]


def _no_capacity() -> TransientError:
    return TransientError(NO_CAPACITY_MESSAGE, code=NO_CAPACITY)


def _refusal(message: str, provider: str) -> TransientError | None:
    """The error for a message that means that no machine can be had now; None for another message."""
    if is_vcpu_quota(message):
        return TransientError(quota_message(provider == "FARGATE_SPOT"), code=VCPU_QUOTA)
    return _no_capacity() if is_no_capacity(message) else None


def _launch_impossible(aws_code: str) -> ConfigurationError:
    return ConfigurationError(
        f"AWS rejected the job's task ({aws_code}): the operator must check the cluster, the task definition, its"
        " container's name, the subnets and the security groups in the settings.",
        code="launch-impossible",
        details={"aws_code": aws_code},
    )
