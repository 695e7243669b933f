"""The ECS part of deploy.py: register revisions with images by digest, update services, wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common import Failure, say

# Fields of describe_task_definition that register_task_definition does not accept.
_READ_ONLY = {
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
}
PIPELINE_VARIABLE = "REVIEWLENS_ECS_TASK_DEFINITION"
_SEEN_SECONDS = 60
_QUOTA = (
    "This is the account's quota Fargate On-Demand vCPU resource count (L-3032A538): request a higher value in Service"
    " Quotas, or stop other tasks. While it starts, a version needs as many vCPUs as the one that it replaces."
)


def short(arn: str) -> str:
    """`family:revision` of a task definition's ARN."""
    return arn.rpartition("/")[2]


@dataclass
class Ecs:
    """The services of one cluster; `poll`: seconds between checks, `patience`: seconds until services are stable."""

    client: Any
    cluster: str
    poll: float = 10
    patience: float = 900
    registered: list[str] = field(default_factory=list)

    def service(self, name: str) -> dict[str, Any]:
        """The service as ECS describes it. Raises Failure (2) if it is missing or being deleted."""
        answer = self.client.describe_services(cluster=self.cluster, services=[name])
        active = [service for service in answer["services"] if service["status"] == "ACTIVE"]
        if not active:
            raise Failure(f"The cluster {self.cluster} has no running service {name}. Has terraform apply been run?", 2)
        return dict(active[0])

    def settled(self, name: str) -> str:
        """The revision that a service last ran successfully: the one to roll back to."""
        deployments = self.service(name)["deployments"]
        for deployment in sorted(deployments, key=lambda each: each["status"] != "PRIMARY"):
            if deployment.get("rolloutState", "COMPLETED") == "COMPLETED":
                return str(deployment["taskDefinition"])
        # No deployment is completed: prefer an older one that still runs tasks to the newest.
        older = [each for each in deployments if each["status"] == "ACTIVE" and each["runningCount"]]
        return str((older or deployments)[0]["taskDefinition"])

    def family(self, arn: str) -> str:
        """The family of a task definition's ARN."""
        return short(arn).rpartition(":")[0]

    def register(self, family: str, container: str, image: str, variables: Mapping[str, str] | None = None) -> str:
        """Register the family's newest revision, which has Terraform's changes, with another image. Returns the ARN.

        `variables` replaces the values of environment variables that the container already has.
        Raises Failure (2) if the family has no such container.
        """
        answer = self.client.describe_task_definition(taskDefinition=family, include=["TAGS"])
        definition = {key: value for key, value in answer["taskDefinition"].items() if key not in _READ_ONLY}
        definition = {key: value for key, value in definition.items() if value not in ("", [], None)}
        containers = [each for each in definition["containerDefinitions"] if each["name"] == container]
        if not containers:
            raise Failure(f"The task definition {family} has no container called {container}.", 2)
        containers[0]["image"] = image
        for variable in containers[0].get("environment", []):
            variable["value"] = (variables or {}).get(variable["name"], variable["value"])
        if answer.get("tags"):
            definition["tags"] = answer["tags"]
        arn = str(self.client.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])
        self.registered.append(arn)
        say(f"{short(arn)}: registered with {image}")
        return arn

    def update(self, service: str, arn: str) -> None:
        """Start the rollout of a revision to a service; `wait` waits for it."""
        say(f"{service}: rolling out {short(arn)}")
        self.client.update_service(cluster=self.cluster, service=service, taskDefinition=arn)

    def scale(self, service: str, tasks: int, *, wait: bool = True) -> None:
        """Set the number of a service's tasks; `wait`: until so many run. Raises Failure after `patience`."""
        say(f"{service}: {tasks} tasks wanted")
        self.client.update_service(cluster=self.cluster, service=service, desiredCount=tasks)
        if wait:
            self._until(lambda: self.service(service)["runningCount"] == tasks, f"{service} does not run {tasks} tasks")

    def stop_tasks(self, family: str) -> int:
        """Stop all tasks of a family and wait until none runs. Returns their number; Failure after `patience`."""
        pages = self.client.get_paginator("list_tasks").paginate(cluster=self.cluster, family=family)
        arns = [arn for page in pages for arn in page["taskArns"]]
        for arn in arns:
            self.client.stop_task(cluster=self.cluster, task=arn, reason="ReviewLens is being removed.")
        self._until(
            lambda: not self.client.list_tasks(cluster=self.cluster, family=family)["taskArns"],
            f"tasks of {family} still run",
        )
        return len(arns)

    def _until(self, reached: Callable[[], bool], complaint: str) -> None:
        started = time.monotonic()
        while not reached():
            if time.monotonic() - started > self.patience:
                raise Failure(f"{complaint} after {self.patience:.0f} seconds.")
            time.sleep(self.poll)

    def wait(self, wanted: Mapping[str, str]) -> None:
        """Wait until each service (name to ARN) runs only the wanted revision, with all its tasks.

        Raises Failure with ECS's reason if a rollout fails, if ECS's circuit breaker rolls back, or after `patience`.
        """
        started = time.monotonic()
        waiting, seen = dict(wanted), set[str]()
        while True:
            for name, arn in list(waiting.items()):
                service = self.service(name)
                primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
                if primary["taskDefinition"] == arn:
                    seen.add(name)
                    if primary.get("rolloutState") == "FAILED":
                        reason = primary.get("rolloutStateReason") or "ECS gives no reason"
                        raise Failure(f"{name} did not start: {reason}{self._evidence(service)}")
                    if self._stable(service, primary):
                        say(f"{name}: runs {short(arn)}, {primary['runningCount']} of {primary['desiredCount']} tasks")
                        del waiting[name]
                elif name in seen or time.monotonic() - started > _SEEN_SECONDS:
                    raise Failure(
                        f"ECS rolled {name} back to {short(primary['taskDefinition'])}, because"
                        f" tasks of {short(arn)} did not keep running.{self._evidence(service)}"
                    )
            if not waiting:
                return
            if time.monotonic() - started > self.patience:
                evidence = self._evidence(self.service(next(iter(waiting))))
                raise Failure(
                    f"{', '.join(waiting)} did not become stable within {self.patience:.0f} seconds.{evidence}"
                )
            time.sleep(self.poll)

    @staticmethod
    def _stable(service: Mapping[str, Any], primary: Mapping[str, Any]) -> bool:
        others = [each for each in service["deployments"] if each is not primary and each["runningCount"]]
        return (
            not others
            and primary.get("rolloutState", "COMPLETED") == "COMPLETED"
            and primary["runningCount"] == primary["desiredCount"]
            and not primary["pendingCount"]
        )

    def _evidence(self, service: Mapping[str, Any]) -> str:
        """The service's last events and why its last tasks stopped, one a line."""
        lines = [event["message"] for event in service.get("events", [])[:3]]
        if any("limit on the number of vCPUs" in line for line in lines):
            lines.append(_QUOTA)
        name = service["serviceName"]
        listed = self.client.list_tasks(cluster=self.cluster, serviceName=name, desiredStatus="STOPPED", maxResults=10)
        if listed["taskArns"]:
            tasks = self.client.describe_tasks(cluster=self.cluster, tasks=listed["taskArns"])["tasks"]
            for task in sorted(tasks, key=lambda each: str(each.get("stoppedAt", "")), reverse=True)[:3]:
                lines.append(f"a task of {short(task['taskDefinitionArn'])} stopped: {task.get('stoppedReason', '?')}")
                for container in task["containers"]:
                    if container.get("reason") or container.get("exitCode"):
                        cause = f"exit code {container.get('exitCode', 'none')} {container.get('reason', '')}".rstrip()
                        lines.append(f"  its container {container['name']}: {cause}")
        return "".join(f"\n    {line}" for line in lines)

    def forget(self) -> None:
        """Deregister the revisions that were registered here, so that none of them is the family's newest."""
        for arn in self.registered:
            self.client.deregister_task_definition(taskDefinition=arn)
            say(f"{short(arn)}: deregistered")
        self.registered.clear()
