"""One emulated AWS account for all tests here, and one backend on it with two users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.aws.account import AwsAccount, aws_account, backend, log_in, reviews
from tests.aws.in_process import InProcessBackend, in_process_backend
from tests.emulator import program
from tests.frontend.running import Backend
from tests.shared_spark import SharedSparkTasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


LONG = 900.0
"""Seconds that a job may take where the machine is busy with other things; it takes ten."""


@pytest.fixture(scope="package")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsAccount]:
    if program() is None:
        pytest.skip("no AWS emulator is installed; ./run test installs it")
    with pytest.MonkeyPatch.context() as patch, aws_account(tmp_path_factory.mktemp("cloud"), patch) as made:
        yield made


@dataclass(frozen=True)
class AwsDeployment:
    """A backend on the account; Ana has a finished job of `content`, made by a real task, and Ben has nothing."""

    account: AwsAccount
    ana: Backend
    ben: Backend
    ana_subject: str
    ben_subject: str
    content: bytes
    job: dict

    @property
    def done(self) -> str:
        return self.job["job_id"]


@pytest.fixture(scope="package")
def deployment(account: AwsAccount, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsDeployment]:
    subjects = account.add_user("ana"), account.add_user("ben")
    with backend(account, tmp_path_factory.mktemp("backend")) as started:
        ana, ben = log_in(started, "ana"), log_in(started, "ben")
        content = reviews()
        job = ana.ended(ana.submit("reviews.csv", content), LONG)
        assert job["state"] == "succeeded", job
        yield AwsDeployment(account, ana, ben, *subjects, content, job)


@pytest.fixture(scope="package")
def machine(
    account: AwsAccount, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InProcessBackend]:
    """A backend's jobs in this process; from here on it does not pause between attempts."""
    with (
        pytest.MonkeyPatch.context() as patch,
        in_process_backend(account, tmp_path_factory.mktemp("in-process"), spark, patch) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def warm(
    account: AwsAccount, machine: InProcessBackend, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedSparkTasks]:
    """From here to the end of the module, containers hand their jobs to the Spark that all tests share."""
    tasks = SharedSparkTasks(machine.platform.settings, spark, tmp_path_factory.mktemp("w"))
    account.instead.append(tasks.command)
    yield tasks
    account.instead.pop()
    tasks.close()
