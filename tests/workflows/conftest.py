"""The scripts as modules, and a deployment on the AWS emulator whose site answers by what its services run."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))


@dataclass
class Installation:
    """What Terraform makes, as far as a deployment touches it; and the site in front of it."""

    ecs: Any
    ecr: Any
    deployment: dict[str, Any]
    folder: Path
    broken: set[str] = field(default_factory=set)  # images with which the site answers 503

    @property
    def file(self) -> str:
        """The deployment as a file."""
        path = self.folder / "deployment.json"
        path.write_text(json.dumps(self.deployment))
        return str(path)

    def images(self, digest: str) -> dict[str, str]:
        return {name: f"{uri}@sha256:{digest}" for name, uri in self.deployment["repositories"].items()}

    def images_file(self, digest: str) -> str:
        path = self.folder / f"images-{digest[:8]}.json"
        path.write_text(json.dumps(self.images(digest)))
        return str(path)

    def service(self, role: str) -> dict[str, Any]:
        name = self.deployment["services"][role]
        (found,) = self.ecs.describe_services(cluster=self.deployment["cluster"], services=[name])["services"]
        return found

    def definition(self, reference: str) -> dict[str, Any]:
        return self.ecs.describe_task_definition(taskDefinition=reference)["taskDefinition"]

    def running(self, role: str) -> dict[str, Any]:
        """The container that a service runs."""
        return self.definition(self.service(role)["taskDefinition"])["containerDefinitions"][0]

    def active(self, family: str) -> list[str]:
        return [
            arn.rpartition("/")[2] for arn in self.ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]
        ]


def environment_of(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["environment"]}


@pytest.fixture
def installation(aws: Emulator, tmp_path: Path) -> Iterator[Installation]:
    ecs, ecr = boto3.client("ecs"), boto3.client("ecr")
    name = f"reviewlens-{uuid.uuid4().hex[:8]}"
    registry = aws.url.removeprefix("http://")
    ecs.create_cluster(clusterName=name)
    repositories = {}
    for part in ("backend", "frontend", "pipeline"):
        ecr.create_repository(repositoryName=f"{name}/{part}", imageTagMutability="IMMUTABLE")
        repositories[part] = f"{registry}/{name}/{part}"
    deployment: dict[str, Any] = {
        "region": aws.environment["AWS_REGION"],
        "cluster": name,
        "services": {"backend": "backend", "frontend": "frontend"},
        "task_family": f"{name}-pipeline",
        "repositories": repositories,
    }
    made = Installation(ecs, ecr, deployment, tmp_path)
    for part in repositories:
        ecs.register_task_definition(
            family=f"{name}-{part}",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::000000000000:role/execution",
            containerDefinitions=[
                {
                    "name": part,
                    "image": f"{repositories[part]}:first",
                    "environment": [
                        {"name": "REVIEWLENS_ENVIRONMENT", "value": "production"},
                        {"name": "REVIEWLENS_ECS_TASK_DEFINITION", "value": f"{name}-pipeline"},
                    ],
                }
            ],
            tags=[{"key": "part", "value": part}],
        )
    for part in deployment["services"]:
        ecs.create_service(
            cluster=name,
            serviceName=part,
            taskDefinition=f"{name}-{part}",
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        )

    class Handler(BaseHTTPRequestHandler):
        """What a load balancer in front of the services would pass on: it asks ECS which images they run."""

        def do_GET(self) -> None:
            role = "frontend" if self.path == "/_stcore/health" else "backend"
            if made.running(role)["image"] in made.broken:
                self._answer(503, "application/json", b'{"status": "unavailable"}')
            elif self.path == "/me":
                self._answer(401, "application/problem+json", b'{"code": "not-logged-in"}')
            else:
                body = b"ok" if role == "frontend" else b'{"status": "ok"}'
                self._answer(200, "text/plain" if role == "frontend" else "application/json", body)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.deployment["backend_url"] = made.deployment["frontend_url"] = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
