"""Starts a job's task on AWS: an ECS Fargate task, or for large files an EMR Serverless job."""

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
from reviewlens.launch.emr import EmrServerlessLauncher
from reviewlens.launch.handles import job_of, read_handle, task_name, write_handle
from reviewlens.launch.interface import NO_CAPACITY, TaskState, TaskStatus
from reviewlens.launch.sizes import size_for
from reviewlens.launch.stopped import ASKED, KILLED, NO_CAPACITY_WORDS, says_no_capacity, task_status
from reviewlens.settings import Settings

log = logging.getLogger(__name__)

COMMAND = ("python", "sentiment-pipeline/run_all.py")
SPOT_PAUSE_SECONDS = 600.0
"""How long tasks run on demand after Spot had no capacity."""
CAPACITY_PAUSE_SECONDS = 20.0
"""How long nothing is asked for after there was no capacity at all."""
_NEW_SECONDS = 120.0
"""AWS may not know a new task yet; one that it does not know counts as starting for so long."""
_MOST_AT_ONCE = 100
_KEPT = 2000
_HOPELESS = (
    "ClusterNotFoundException",
    "InvalidParameterException",
    "ClientException",
    "UnsupportedFeatureException",
    "PlatformUnknownException",
    "PlatformTaskDefinitionIncompatibilityException",
    "BlockedException",
)


@dataclass(frozen=True)
class _Seen:
    """What was last heard of a task, and when."""

    cluster: str
    status: TaskStatus
    at: float

    @property
    def over(self) -> bool:
        return self.status.state is not TaskState.RUNNING


class FargateLauncher:
    """A handle is JSON with cluster and task ARN, or the EMR Serverless application and job run.

    All tasks of one spec carry one name (`startedBy`): one that runs already, because an answer was lost or the caller
    went away before it could write the handle down, is found again instead of started twice. What AWS said of a task
    is believed for `poll_seconds`, and one request asks after all tasks at once.
    """

    def __init__(
        self,
        settings: Settings,
        client: Any = None,
        emr: EmrServerlessLauncher | None = None,
        *,
        command: Sequence[str] = COMMAND,
        poll_seconds: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._ecs = client if client is not None else aws.client("ecs")
        self._emr = emr or (EmrServerlessLauncher(settings) if settings.emr_application else None)
        self._command = list(command)
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._tokens: dict[tuple[str, str], str] = {}
        self._spot_again_at = self._any_again_at = clock()

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start the task on a machine that suits the file, or find the one that runs for this spec already.

        Errors: TransientError (`no-capacity` where AWS has no machine now), ConfigurationError.
        """
        if self._emr is not None and input_bytes > self._settings.emr_over_bytes:
            return self._emr.start(spec_uri, input_bytes=input_bytes)
        arn = self._running(spec_uri) or self._run(spec_uri, input_bytes)
        self._note(arn, self._settings.ecs_cluster, TaskStatus(TaskState.RUNNING))
        return write_handle(cluster=self._settings.ecs_cluster, task=arn, started=time.time())

    def status(self, handle: str) -> TaskStatus:
        """RUNNING until its containers have ended; GONE when AWS has forgotten it (about an hour after its end)."""
        if self._emr is not None and self._emr.knows(handle):
            return self._emr.status(handle)
        task = read_handle(handle, "cluster", "task")
        if task is None:
            return TaskStatus(TaskState.GONE)
        arn = task["task"]
        with self._lock:
            seen = self._seen.get(arn)
        if seen is None or not (seen.over or self._clock() - seen.at < self._poll_seconds):
            self._look(task["cluster"], arn, task.get("started"))
        with self._lock:
            return self._seen[arn].status

    def stop(self, handle: str) -> None:
        """SIGTERM, and SIGKILL after the container's stopTimeout."""
        self._end(handle, ASKED)

    def kill(self, handle: str) -> None:
        """The same: AWS knows no harder way; what it then leaves with does not matter any more."""
        self._end(handle, KILLED)

    # -- starting -----------------------------------------------------------------------------------------------------

    def _running(self, spec_uri: str) -> str | None:
        with self._errors():
            found = self._ecs.list_tasks(cluster=self._settings.ecs_cluster, startedBy=task_name(spec_uri))
        tasks = sorted(found["taskArns"])
        if tasks:
            log.info("job %s has a task already", job_of(spec_uri))
        return tasks[0] if tasks else None

    def _run(self, spec_uri: str, input_bytes: int) -> str:
        if self._clock() < self._any_again_at:
            raise _no_capacity()
        if self._settings.ecs_spot and self._clock() >= self._spot_again_at:
            arn = self._run_on("FARGATE_SPOT", spec_uri, input_bytes)
            if arn is not None:
                return arn
            self._spot_again_at = self._clock() + SPOT_PAUSE_SECONDS
            log.warning("there is no Spot capacity; job %s runs on demand", job_of(spec_uri))
        arn = self._run_on("FARGATE", spec_uri, input_bytes)
        if arn is None:
            self._any_again_at = self._clock() + CAPACITY_PAUSE_SECONDS
            raise _no_capacity()
        return arn

    def _run_on(self, provider: str, spec_uri: str, input_bytes: int) -> str | None:
        """The task's ARN; None when this provider has no capacity."""
        # Kept until there is an answer: the same request asked again starts nothing new.
        token = self._tokens.setdefault((spec_uri, provider), uuid.uuid4().hex)
        with self._errors():
            try:
                answer = self._ecs.run_task(clientToken=token, **self._request(provider, spec_uri, input_bytes))
            except ClientError as error:
                words = str(error.response.get("Error", {}).get("Message", ""))
                if says_no_capacity(words):
                    return None
                if "inactive" in words.lower():  # a deployment went back while a backend of it still runs
                    raise TransientError(
                        "The revision of the task that runs jobs was just withdrawn; the job starts with the next one.",
                        code="launch-failed",
                    ) from error
                raise
        self._tokens.pop((spec_uri, provider), None)
        if answer.get("tasks"):
            return str(answer["tasks"][0]["taskArn"])
        reasons = " ".join(str(failure.get("reason")) for failure in answer.get("failures", []))
        log.warning("job %s got no task: %s", job_of(spec_uri), reasons)
        if says_no_capacity(reasons):
            return None
        raise TransientError(
            f"AWS did not start the job's task ({reasons or 'no reason given'}).", code="launch-failed"
        )

    def _request(self, provider: str, spec_uri: str, input_bytes: int) -> dict[str, Any]:
        settings, size = self._settings, size_for(input_bytes)
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
            "tags": [{"key": "reviewlens:job", "value": job_of(spec_uri)[:256]}],
        }

    # -- looking after ------------------------------------------------------------------------------------------------

    def _look(self, cluster: str, arn: str, started: object) -> None:
        with self._lock:
            others = [
                other
                for other, seen in self._seen.items()
                if other != arn and not seen.over and seen.cluster == cluster
            ]
        with self._errors():
            told = self._ecs.describe_tasks(cluster=cluster, tasks=[arn, *others[: _MOST_AT_ONCE - 1]])
        known = {task["taskArn"] for task in told["tasks"]}
        with self._lock:
            for other in others[: _MOST_AT_ONCE - 1]:
                if other not in known:
                    self._seen.pop(other, None)  # forgotten by AWS: whoever still wants to know asks for it alone
        for task in told["tasks"]:
            status = task_status(task, self._settings.ecs_container)
            if status.code == NO_CAPACITY:
                self._spot_again_at = self._clock() + SPOT_PAUSE_SECONDS
            self._note(task["taskArn"], cluster, status)
        if arn not in known:
            new = isinstance(started, int | float) and abs(time.time() - started) < _NEW_SECONDS
            self._note(arn, cluster, TaskStatus(TaskState.RUNNING if new else TaskState.GONE))

    def _note(self, arn: str, cluster: str, status: TaskStatus) -> None:
        with self._lock:
            self._seen[arn] = _Seen(cluster, status, self._clock())
            self._seen.move_to_end(arn)
            while len(self._seen) > _KEPT:
                self._seen.popitem(last=False)

    def _end(self, handle: str, reason: str) -> None:
        if self._emr is not None and self._emr.knows(handle):
            (self._emr.kill if reason == KILLED else self._emr.stop)(handle)
            return
        task = read_handle(handle, "cluster", "task")
        if task is None:
            return
        with self._errors():
            try:
                self._ecs.stop_task(cluster=task["cluster"], task=task["task"], reason=reason)
            except ClientError as error:
                if aws.error_code(error) != "InvalidParameterException":  # AWS has forgotten it: it does not run
                    raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with aws.translate_errors("ecs", {code: _impossible(code) for code in _HOPELESS}):
            yield


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _no_capacity() -> TransientError:
    return TransientError(NO_CAPACITY_WORDS, code="no-capacity")


def _impossible(aws_code: str) -> ConfigurationError:
    return ConfigurationError(
        f"AWS will not run a job's task ({aws_code}): the administrator must look at the cluster, the task definition,"
        " its container's name, the subnets and the security groups in the settings.",
        code="launch-impossible",
        details={"aws_code": aws_code},
    )
