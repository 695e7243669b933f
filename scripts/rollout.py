"""What deploy.py asks of ECS: new revisions with images by digest, services moved to them, a bounded wait."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common import Failure, say

# What describe_task_definition tells and register_task_definition does not take.
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


def short(arn: str) -> str:
    """`family:revision` of a task definition's ARN."""
    return arn.rpartition("/")[2]


@dataclass
class Ecs:
    """One cluster's services; `poll` seconds between looks, `patience` seconds for services to settle."""

    client: Any
    cluster: str
    poll: float = 10
    patience: float = 900
    registered: list[str] = field(default_factory=list)

    def service(self, name: str) -> dict[str, Any]:
        """The service as ECS describes it. Raises Failure (2) where it is missing or being deleted."""
        answer = self.client.describe_services(cluster=self.cluster, services=[name])
        found = [service for service in answer["services"] if service["status"] == "ACTIVE"]
        if not found:
            raise Failure(f"The cluster {self.cluster} has no running service {name}. Has terraform apply been run?", 2)
        return dict(found[0])

    def settled(self, name: str) -> str:
        """The revision that a service last ran well: the one to go back to."""
        deployments = self.service(name)["deployments"]
        for deployment in sorted(deployments, key=lambda each: each["status"] != "PRIMARY"):
            if deployment.get("rolloutState", "COMPLETED") == "COMPLETED":
                return str(deployment["taskDefinition"])
        # No deployment says that it is completed: an older one that still runs tasks is better known than the newest.
        older = [each for each in deployments if each["status"] == "ACTIVE" and each["runningCount"]]
        return str((older or deployments)[0]["taskDefinition"])

    def family(self, arn: str) -> str:
        """The family of a task definition's ARN."""
        return short(arn).rpartition(":")[0]

    def register(self, family: str, container: str, image: str, variables: Mapping[str, str] | None = None) -> str:
        """A new revision: the newest one of the family (Terraform's changes are in it) with another image.

        `variables` replaces values of environment variables that the container has already. Returns the ARN.
        """
        answer = self.client.describe_task_definition(taskDefinition=family, include=["TAGS"])
        definition = {key: value for key, value in answer["taskDefinition"].items() if key not in _READ_ONLY}
        definition = {key: value for key, value in definition.items() if value not in ("", [], None)}
        chosen = [each for each in definition["containerDefinitions"] if each["name"] == container]
        if not chosen:
            raise Failure(f"The task definition {family} has no container called {container}.", 2)
        chosen[0]["image"] = image
        for variable in chosen[0].get("environment", []):
            variable["value"] = (variables or {}).get(variable["name"], variable["value"])
        if answer.get("tags"):
            definition["tags"] = answer["tags"]
        arn = str(self.client.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])
        self.registered.append(arn)
        say(f"{short(arn)}: registered with {image}")
        return arn

    def update(self, service: str, arn: str) -> None:
        """Tells ECS to move a service to a revision; `wait` waits for it."""
        say(f"{service}: moving to {short(arn)}")
        self.client.update_service(cluster=self.cluster, service=service, taskDefinition=arn)

    def wait(self, wanted: Mapping[str, str]) -> None:
        """Until each service (name to ARN) runs the wanted revision alone, with as many tasks as it should have.

        Raises Failure that says what ECS said: when a rollout failed, when ECS's circuit breaker went back by itself,
        when `patience` is over.
        """
        begun = time.monotonic()
        left, seen = dict(wanted), set[str]()
        while True:
            for name, arn in list(left.items()):
                service = self.service(name)
                primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
                if primary["taskDefinition"] == arn:
                    seen.add(name)
                    if primary.get("rolloutState") == "FAILED":
                        reason = primary.get("rolloutStateReason") or "no reason given"
                        raise Failure(f"{name} did not start: {reason}{self._told(service)}")
                    if self._stable(service, primary):
                        say(f"{name}: runs {short(arn)}, {primary['runningCount']} of {primary['desiredCount']} tasks")
                        del left[name]
                elif name in seen or time.monotonic() - begun > _SEEN_SECONDS:
                    raise Failure(
                        f"ECS took {name} back to {short(primary['taskDefinition'])} by itself,"
                        f" since tasks of {short(arn)} did not stay up.{self._told(service)}"
                    )
            if not left:
                return
            if time.monotonic() - begun > self.patience:
                told = self._told(self.service(next(iter(left))))
                raise Failure(f"{', '.join(left)} did not settle within {self.patience:.0f} seconds.{told}")
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

    def _told(self, service: Mapping[str, Any]) -> str:
        """What a person would look up next: the service's last events and why its last tasks stopped."""
        lines = [event["message"] for event in service.get("events", [])[:3]]
        name = service["serviceName"]
        listed = self.client.list_tasks(cluster=self.cluster, serviceName=name, desiredStatus="STOPPED", maxResults=10)
        if listed["taskArns"]:
            tasks = self.client.describe_tasks(cluster=self.cluster, tasks=listed["taskArns"])["tasks"]
            for task in sorted(tasks, key=lambda each: str(each.get("stoppedAt", "")), reverse=True)[:3]:
                lines.append(f"a task of {short(task['taskDefinitionArn'])} stopped: {task.get('stoppedReason', '?')}")
                for container in task["containers"]:
                    if container.get("reason") or container.get("exitCode"):
                        said = f"exit code {container.get('exitCode', 'none')} {container.get('reason', '')}".rstrip()
                        lines.append(f"  its container {container['name']}: {said}")
        return "".join(f"\n    {line}" for line in lines)

    def forget(self) -> None:
        """Takes the revisions made here out of use, so that nothing that asks for the newest one gets them."""
        for arn in self.registered:
            self.client.deregister_task_definition(taskDefinition=arn)
            say(f"{short(arn)}: taken out of use")
        self.registered.clear()
