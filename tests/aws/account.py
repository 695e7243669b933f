"""What the backend needs of AWS, on the emulator behind the proxy: bucket, table, user pool, task definition."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reviewlens import aws
from reviewlens.jobs.dynamodb import create_table
from tests.aws.proxy import Proxy, proxy
from tests.docker_standin import StandIn, standin
from tests.emulator import Emulator, running
from tests.frontend import running as processes

PASSWORD = "A-long-pass-phrase-9"
TEXTS = ("It works very well", "It broke at once", "A fine lamp", "A poor zip", "I love it", "Waste of money")


@dataclass(frozen=True)
class AwsAccount:
    """The emulated account. `settings` are those of a backend that lives on it, by their names."""

    proxy: Proxy
    docker: StandIn
    emulator: Emulator
    folder: Path
    bucket: str
    table: str
    pool: str
    client_id: str
    settings: dict[str, str]
    instead: list[list[str]]
    """What containers run instead of their program, where a test puts something here; the last word is kept."""

    def add_user(self, name: str) -> str:
        """A user who can log in with PASSWORD; the subject."""
        cognito = aws.client("cognito-idp")
        made = cognito.admin_create_user(UserPoolId=self.pool, Username=name, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=self.pool, Username=name, Password=PASSWORD, Permanent=True)
        found: str = next(each["Value"] for each in made["User"]["Attributes"] if each["Name"] == "sub")
        return found

    def objects(self, subject: str, kind: str) -> list[str]:
        """Keys of a user's objects: uploads, processed or output."""
        found = aws.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=f"{kind}/{subject}/")
        return [each["Key"] for each in found.get("Contents", [])]

    def signing_key(self) -> str:
        """The pool's own private key for access tokens, which on AWS nobody can have."""
        return (self.folder / "state" / "cognito-pool-keys" / f"{self.pool}-access.pem").read_text()


def new_pool() -> tuple[str, str]:
    """A user pool and a client without a secret."""
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="reviewlens",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        EnableTokenRevocation=True,
        PreventUserExistenceErrors="ENABLED",
    )
    return pool, client["UserPoolClient"]["ClientId"]


@contextlib.contextmanager
def aws_account(folder: Path, patch: Any) -> Iterator[AwsAccount]:
    """An account of its own. `patch` points this process's AWS clients at it, through the proxy."""
    address: list[str] = []
    instead: list[list[str]] = []

    def through_the_proxy(image: str, command: list[str]) -> list[str]:
        command = [*instead[-1], command[-1]] if instead else command
        words = [sys.executable if word in ("python", "python3") else word for word in command]
        return ["/usr/bin/env", f"AWS_ENDPOINT_URL={address[0]}", *words]

    with (
        standin(folder / "docker", through_the_proxy) as docker,
        running(folder, docker_host=docker.docker_host) as emulator,
        proxy(emulator.url) as between,
    ):
        address.append(between.url)
        for name, value in {**emulator.environment, "AWS_ENDPOINT_URL": between.url}.items():
            patch.setenv(name, value)
        bucket, table = f"reviews-{secrets.token_hex(4)}", f"jobs-{secrets.token_hex(4)}"
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        create_table(aws.client("dynamodb"), table)
        pool, client_id = new_pool()
        settings = {
            "store": f"s3://{bucket}",
            "jobs_table": table,
            "identity": "cognito",
            "cognito_user_pool": pool,
            "cognito_client": client_id,
            "cognito_jwks_url": f"{between.url}/{pool}/.well-known/jwks.json",
            "cognito_domain": emulator.url,
            "launcher": "fargate",
            "ecs_cluster": "reviewlens",
            "ecs_task_definition": "pipeline",
            "ecs_subnets": "subnet-1",
            "ecs_security_groups": "sg-1",
        }
        _task_definition()
        yield AwsAccount(between, docker, emulator, folder, bucket, table, pool, client_id, settings, instead)


def _task_definition() -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="reviewlens", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    environment = {"REVIEWLENS_WORKERS": "1", "REVIEWLENS_DRIVER_MEMORY_MB": "512", "REVIEWLENS_LEASE_SECONDS": "3"}
    ecs.register_task_definition(
        family="pipeline",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",
        memory="4096",
        containerDefinitions=[
            {
                "name": "pipeline",
                "image": "reviewlens-pipeline",
                "essential": True,
                "environment": [{"name": name, "value": value} for name, value in environment.items()],
            }
        ],
    )


@contextlib.contextmanager
def backend(account: AwsAccount, data: Path, **settings: str) -> Iterator[processes.Backend]:
    """`python -m backend` on the account, with nothing of it on this machine but its cache."""
    fast = {"requests_per_minute": "1000000", "login_attempts_per_minute": "100000", "poll_seconds": "0.5"}
    with processes.backend(data, **{**account.settings, **fast, **settings}) as started:
        yield started


def log_in(backend: processes.Backend, name: str) -> processes.Backend:
    """The same backend as this user."""
    answer = httpx.post(f"{backend.url}/login", json={"username": name, "password": PASSWORD}, timeout=30)
    tokens = answer.raise_for_status().json()
    return processes.Backend(
        backend.url, backend.data, backend.environment, tokens["access_token"], tokens["refresh_token"]
    )


def reviews(count: int = 30, word: str = "") -> bytes:
    """A small CSV file: some texts twice, one empty, a comma, a quote and a line break in others."""
    lines = ["id,Review,Stars"]
    for number in range(count):
        text = f"{TEXTS[number % len(TEXTS)]}{word}, number {number // 2 if number % 5 == 0 else number}"
        if number % 7 == 3:
            text = f'"{text}, he said ""so""\nand left"'
        elif number == 8:
            text = ""
        else:
            text = f'"{text}"'
        lines.append(f"{number},{text},{1 + number % 5}")
    return ("\r\n".join(lines) + "\r\n").encode()
