"""Restoring the job table and stopping everything, on the AWS emulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import restore_jobs
import stop_jobs

from reviewlens.jobs.dynamodb import SCHEMA
from tests.workflows.conftest import Installation


@pytest.fixture
def table(installation: Installation) -> Any:
    """A job table with two rows, which the deployment names."""
    name = f"{installation.deployment['cluster']}-jobs"
    made = boto3.resource("dynamodb").create_table(TableName=name, **SCHEMA)
    made.wait_until_exists()
    installation.deployment["jobs_table"] = name
    for number in (1, 2):
        made.put_item(Item={"pk": "user#u", "sk": f"job#{number}", "id": str(number), "state": "succeeded"})
    return made


def then(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `change` right after the copy of the point in time exists: the emulator has no history."""
    resource = boto3.resource

    def watched(*arguments: Any, **options: Any) -> Any:
        made = resource(*arguments, **options)
        made.meta.client.meta.events.register("after-call.dynamodb.RestoreTableToPointInTime", lambda **_: change())
        return made

    monkeypatch.setattr(boto3, "resource", watched)


def rows(table: Any) -> dict[str, str]:
    return {row["sk"]: row["state"] for row in table.scan(ConsistentRead=True)["Items"]}


def restore(installation: Installation, *more: str, ago: timedelta = timedelta(hours=1)) -> int:
    moment = (datetime.now(UTC) - ago).isoformat()
    return restore_jobs.main(["--deployment", installation.file, "--time", moment, "--poll", "0", *more])


@pytest.mark.parametrize("delete_newer", [False, True])
def test_changed_and_deleted_rows_come_back_and_newer_ones_stay_unless_they_are_to_go(
    installation: Installation,
    table: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    delete_newer: bool,
) -> None:
    def damage() -> None:
        assert installation.service("backend")["desiredCount"] == 0  # nothing else writes meanwhile
        table.put_item(Item={"pk": "user#u", "sk": "job#1", "id": "1", "state": "failed"})
        table.delete_item(Key={"pk": "user#u", "sk": "job#2"})
        table.put_item(Item={"pk": "user#u", "sk": "job#3", "id": "3", "state": "succeeded"})

    then(damage, monkeypatch)
    assert restore(installation, *(["--delete-newer"] if delete_newer else [])) == 0, capsys.readouterr().err
    newer = {} if delete_newer else {"job#3": "succeeded"}
    assert rows(table) == {"job#1": "succeeded", "job#2": "succeeded"} | newer
    counts = "2 restored, 0 kept, 1 deleted" if delete_newer else "2 restored, 1 kept, 0 deleted"
    assert counts in capsys.readouterr().err
    assert installation.service("backend")["desiredCount"] == 2
    mine = [name for name in boto3.client("dynamodb").list_tables()["TableNames"] if name.startswith(table.name)]
    assert mine == [table.name]  # the copy is gone


def test_a_failed_restore_starts_the_backend_again(
    installation: Installation, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    table.delete()
    table.wait_until_not_exists()
    assert restore(installation) == 1
    assert "AWS refused" in capsys.readouterr().err
    assert installation.service("backend")["desiredCount"] == 2


@pytest.mark.parametrize("moment", ["yesterday", "2026-03-01T12:00:00", "2999-03-01T12:00:00Z"])
def test_a_time_that_cannot_be_meant_changes_nothing(installation: Installation, table: Any, moment: str) -> None:
    assert restore_jobs.main(["--deployment", installation.file, "--time", moment]) == 2
    assert installation.service("backend")["desiredCount"] == 2


def test_a_deployment_without_a_table_is_refused(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(installation) == 2
    assert "lacks jobs_table" in capsys.readouterr().err


def test_backend_and_jobs_are_stopped(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    cluster, family = installation.deployment["cluster"], installation.deployment["task_family"]
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    for _ in range(2):
        installation.ecs.run_task(cluster=cluster, taskDefinition=family, networkConfiguration=network)
    assert len(installation.ecs.list_tasks(cluster=cluster, family=family)["taskArns"]) == 2
    assert stop_jobs.main(["--deployment", installation.file, "--poll", "0"]) == 0, capsys.readouterr().err
    assert installation.ecs.list_tasks(cluster=cluster, family=family)["taskArns"] == []
    assert installation.service("backend")["desiredCount"] == 0
    assert installation.service("frontend")["desiredCount"] == 2
    assert "2 tasks of jobs" in capsys.readouterr().err


def test_tasks_that_do_not_stop_are_a_failure(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster, family = installation.deployment["cluster"], installation.deployment["task_family"]
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    installation.ecs.run_task(cluster=cluster, taskDefinition=family, networkConfiguration=network)
    client = installation.ecs
    client.meta.events.register("before-send.ecs.StopTask", lambda **_: _accepted())
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    assert stop_jobs.main(["--deployment", installation.file, "--poll", "0", "--patience", "0"]) == 1
    assert f"tasks of {family} still run" in capsys.readouterr().err


def _accepted() -> Any:
    from tests.launch.test_fargate import answer

    return answer(200, {"task": {}})
