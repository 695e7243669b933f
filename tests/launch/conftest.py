"""An AWS emulator whose ECS starts tasks as processes, for the tests of the AWS launchers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from reviewlens import aws
from reviewlens.settings import Settings
from tests.docker_standin import StandIn, standin
from tests.emulator import Emulator, program, running

NO_IMAGE = "registry.example/none:1"


@dataclass(frozen=True)
class Ecs:
    """The emulator, its containers, and a cluster with the task definitions `task` and `no-image`."""

    emulator: Emulator
    docker: StandIn
    cluster: str


@pytest.fixture(scope="session")
def ecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecs]:
    if program() is None:
        pytest.skip("no AWS emulator is installed; ./run test installs it")
    folder = tmp_path_factory.mktemp("ecs")
    with (
        standin(folder / "containers", missing=frozenset({NO_IMAGE}), stop_seconds=120) as docker,
        running(folder, docker_host=docker.docker_host) as emulator,
    ):
        made = Ecs(emulator, docker, "tasks")
        client = raw_client(made)
        client.create_cluster(clusterName=made.cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"])
        for family, image in (("task", "registry.example/pipeline:1"), ("no-image", NO_IMAGE)):
            client.register_task_definition(
                family=family,
                networkMode="awsvpc",
                requiresCompatibilities=["FARGATE"],
                cpu="1024",
                memory="4096",
                containerDefinitions=[{"name": "pipeline", "image": image, "stopTimeout": 120}],
            )
        yield made


def raw_client(made: Ecs) -> Any:
    """A client of the emulator that needs no environment variables."""
    names = made.emulator.environment
    return boto3.client(
        "ecs",
        endpoint_url=made.emulator.url,
        region_name=names["AWS_REGION"],
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def on_ecs(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> Ecs:
    """The emulator, with environment variables for this process's AWS clients."""
    for name, value in ecs.emulator.environment.items():
        monkeypatch.setenv(name, value)
    return ecs


@pytest.fixture(scope="session")
def shared_client(ecs: Ecs) -> Any:
    """The product's own client, with exit codes of stopped tasks as AWS reports them; shared, as it starts slowly."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ecs.emulator.environment.items():
            patch.setenv(name, value)
        made = aws.client("ecs", retries={"mode": "standard", "total_max_attempts": 2})
    ecs.docker.correct(made)
    return made


@pytest.fixture
def client(shared_client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same client; event handlers that a test registers are removed after it."""
    events, hung = shared_client.meta.events, []
    hang = events.register

    def register(name: str, handler: Any) -> None:
        hung.append((name, handler))
        hang(name, handler)

    monkeypatch.setattr(events, "register", register)
    yield shared_client
    for name, handler in hung:
        events.unregister(name, handler)


def fargate_settings(tmp_path: Any, **changes: Any) -> Settings:
    """Settings for tasks on the emulator's cluster."""
    defaults = {
        "data_dir": tmp_path,
        "launcher": "fargate",
        "ecs_cluster": "tasks",
        "ecs_task_definition": "task",
        "ecs_subnets": "subnet-1, subnet-2",
        "ecs_security_groups": "sg-1",
        "store": "s3://bucket",
        "jobs_table": "jobs",
    }
    return Settings(**{**defaults, **changes}, _env_file=None)


@pytest.fixture
def spec_uri() -> str:
    """The URI of a spec that no other test uses."""
    return f"s3://bucket/output/u1/{uuid.uuid4().hex}/spec.json"
