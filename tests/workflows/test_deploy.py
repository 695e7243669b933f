"""Deployments on the AWS emulator: the way there, and the way back from wherever it fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import boto3
import pytest
import rollout
from common import Deployment, Failure, parse_images

import deploy
from tests.workflows.conftest import SCRIPTS, Installation, environment_of

GOOD, OTHER = "a" * 64, "b" * 64
QUICK = ["--poll", "0.1", "--patience", "20", "--smoke-patience", "0"]


def run(installation: Installation, digest: str, *more: str) -> int:
    arguments = ["--deployment", installation.file, "--images", installation.images_file(digest), *QUICK, *more]
    return deploy.main(arguments)


def answers(event: str, change: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `change` alter what AWS answered to a call, or raise, on clients that are made from now on."""
    make = boto3.client

    def client(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        made.meta.events.register(f"after-call.ecs.{event}", lambda parsed, **_: change(parsed))
        return made

    monkeypatch.setattr(boto3, "client", client)


def test_services_and_tasks_get_the_images_by_digest_and_keep_all_else(installation: Installation) -> None:
    name = installation.deployment["cluster"]
    assert run(installation, GOOD) == 0
    images = installation.images(GOOD)
    for role in ("backend", "frontend"):
        service = installation.service(role)
        assert service["taskDefinition"].endswith(f"/{name}-{role}:2")
        assert [each["rolloutState"] for each in service["deployments"]] == ["COMPLETED"]
        assert installation.running(role)["image"] == images[role]
        assert environment_of(installation.running(role))["REVIEWLENS_ENVIRONMENT"] == "production"
    pipeline = installation.definition(f"{name}-pipeline:2")
    assert pipeline["containerDefinitions"][0]["image"] == images["pipeline"]
    for key in ("cpu", "memory", "networkMode", "executionRoleArn", "requiresCompatibilities"):
        assert pipeline[key] == installation.definition(f"{name}-pipeline:1")[key]
    tags = installation.ecs.describe_task_definition(taskDefinition=f"{name}-pipeline:2", include=["TAGS"])["tags"]
    assert tags == [{"key": "part", "value": "pipeline"}]


def test_each_version_of_the_backend_starts_its_own_version_of_the_pipeline(installation: Installation) -> None:
    name = installation.deployment["cluster"]
    before = environment_of(installation.running("backend"))["REVIEWLENS_ECS_TASK_DEFINITION"]
    assert before == f"{name}-pipeline"
    assert run(installation, GOOD) == 0
    assert environment_of(installation.running("backend"))["REVIEWLENS_ECS_TASK_DEFINITION"] == f"{name}-pipeline:2"


def test_what_terraform_changed_since_the_last_deployment_is_taken_along(installation: Installation) -> None:
    name = installation.deployment["cluster"]
    assert run(installation, GOOD) == 0
    first = installation.definition(f"{name}-backend:1")
    container = first["containerDefinitions"][0]
    container["environment"].append({"name": "REVIEWLENS_LOG_LEVEL", "value": "DEBUG"})
    installation.ecs.register_task_definition(
        family=f"{name}-backend", containerDefinitions=[container], cpu="1024", memory="2048"
    )
    assert run(installation, OTHER) == 0
    assert installation.service("backend")["taskDefinition"].endswith(f"/{name}-backend:4")
    assert environment_of(installation.running("backend"))["REVIEWLENS_LOG_LEVEL"] == "DEBUG"
    assert installation.definition(f"{name}-backend:4")["cpu"] == "1024"


@pytest.mark.parametrize("role", ["backend", "frontend"])
def test_a_version_that_does_not_answer_is_taken_back_whole(
    installation: Installation, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = installation.deployment["cluster"]
    assert run(installation, GOOD) == 0
    installation.broken.add(installation.images(OTHER)[role])
    assert run(installation, OTHER) == 1
    said = capsys.readouterr().err
    assert "does not answer as it should: 503" in said
    assert "the previous version runs again" in said
    for each in ("backend", "frontend"):
        assert installation.running(each)["image"] == installation.images(GOOD)[each]
        assert installation.service(each)["runningCount"] == 2
    assert environment_of(installation.running("backend"))["REVIEWLENS_ECS_TASK_DEFINITION"] == f"{name}-pipeline:2"
    # Nothing that asks for the newest revision can get the bad one.
    for part in ("backend", "frontend", "pipeline"):
        assert installation.active(f"{name}-{part}") == [f"{name}-{part}:1", f"{name}-{part}:2"]
    # And the next version starts from the good one.
    assert run(installation, "c" * 64) == 0
    assert installation.running(role)["image"] == installation.images("c" * 64)[role]


def test_a_rollout_that_ecs_calls_failed_is_taken_back(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = installation.images(OTHER)["frontend"]
    plain = installation.ecs

    def fail(parsed: dict[str, Any]) -> None:
        for service in parsed["services"]:
            primary = service["deployments"][0]
            image = plain.describe_task_definition(taskDefinition=primary["taskDefinition"])["taskDefinition"]
            if image["containerDefinitions"][0]["image"] == bad:
                primary |= {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}

    answers("DescribeServices", fail, monkeypatch)
    assert run(installation, OTHER) == 1
    assert "frontend did not start: tasks failed to start" in capsys.readouterr().err
    assert installation.running("backend")["image"].endswith(":first")
    assert installation.running("frontend")["image"].endswith(":first")


def test_a_service_that_does_not_settle_in_time_is_taken_back_with_what_ecs_tells(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = installation.deployment["cluster"]

    def never(parsed: dict[str, Any]) -> None:
        for service in parsed["services"]:
            if service["taskDefinition"].endswith("-backend:2"):
                service["deployments"][0]["runningCount"] = 1
                reason = "Reason: You've reached the limit on the number of vCPUs you can run concurrently"
                service["events"] = [{"message": f"(service backend) was unable to place a task. {reason}"}]

    answers("DescribeServices", never, monkeypatch)
    task = installation.ecs.run_task(cluster=name, taskDefinition=f"{name}-backend:1", group="service:backend")
    installation.ecs.stop_task(cluster=name, task=task["tasks"][0]["taskArn"], reason="the disk was full")
    assert run(installation, OTHER, "--patience", "1") == 1
    said = capsys.readouterr().err
    assert "backend did not become stable within 1 seconds" in said
    assert "unable to place a task" in said
    assert "Fargate On-Demand vCPU resource count (L-3032A538)" in said
    assert "the disk was full" in said
    assert installation.running("backend")["image"].endswith(":first")


def test_going_back_by_ecs_itself_is_noticed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The circuit breaker moves the service to the revision before, between two looks."""
    name = installation.deployment["cluster"]
    looks = iter(range(100))

    def back(parsed: dict[str, Any]) -> None:
        (service,) = parsed["services"]
        if service["taskDefinition"].endswith("-backend:2"):
            if next(looks):
                service["deployments"][0]["taskDefinition"] = f"arn:aws:ecs:x:0:task-definition/{name}-backend:1"
            else:
                service["deployments"][0]["rolloutState"] = "IN_PROGRESS"

    answers("DescribeServices", back, monkeypatch)
    assert run(installation, OTHER) == 1
    assert f"ECS rolled backend back to {name}-backend:1" in capsys.readouterr().err
    assert installation.running("frontend")["image"].endswith(":first")


@pytest.mark.parametrize("call", ["RegisterTaskDefinition", "UpdateService", "DescribeServices"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_call_that_fails_for_good_leaves_the_version_before(
    installation: Installation, call: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(1, 1000))

    def refuse(parsed: dict[str, Any]) -> None:
        del parsed
        if next(calls) == at:
            raise rollout.Failure("AWS refused")

    answers(call, refuse, monkeypatch)
    code = run(installation, OTHER)
    assert code == (0 if call == "UpdateService" and at == 3 else 1)  # there are two such calls in a good deployment
    expected = OTHER if code == 0 else ":first"
    for role in ("backend", "frontend"):
        assert installation.running(role)["image"].endswith(expected)


def test_when_going_back_fails_too_the_commands_for_a_person_are_printed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = installation.deployment["cluster"]
    installation.broken.add(installation.images(OTHER)["backend"])
    calls = iter(range(1, 1000))

    def refuse(parsed: dict[str, Any]) -> None:
        del parsed
        if next(calls) > 2:
            raise RuntimeError("no route to ECS")

    answers("UpdateService", refuse, monkeypatch)
    summary = installation.folder / "summary.md"
    assert run(installation, OTHER, "--summary", str(summary)) == 3
    said = capsys.readouterr().err
    assert "THE ROLLBACK FAILED TOO. no route to ECS" in said
    assert f"aws ecs update-service --cluster {name} --service frontend --task-definition {name}-frontend:1" in said
    assert "FAILED" in summary.read_text()


@pytest.mark.parametrize("background", [False, True])
def test_a_run_that_is_cancelled_tells_ecs_to_go_back(installation: Installation, background: bool) -> None:
    installation.broken.add(installation.images(OTHER)["backend"])
    arguments = ["--deployment", installation.file, "--images", installation.images_file(OTHER)]
    command = [sys.executable, str(SCRIPTS / "deploy.py"), *arguments, "--poll", "0.1", "--smoke-patience", "120"]
    # A shell lets what it starts in the background ignore SIGINT.
    prepared = ["bash", "-c", 'trap "" INT; exec "$@"', "bash"] if background else []
    process = subprocess.Popen([*prepared, *command], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("frontend: runs"):
            process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 1
    assert "deploy: interrupted" in said
    for role in ("backend", "frontend"):
        assert installation.running(role)["image"].endswith(":first")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"services": {"backend": "backend"}}, "services.frontend"),
        ({"cluster": ""}, "cluster"),
        ({"repositories": []}, "repositories.backend"),
    ],
)
def test_a_deployment_that_lacks_something_is_refused_by_name(
    installation: Installation, change: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    installation.deployment |= change
    images = installation.folder / "images.json"
    images.write_text("{}")
    assert deploy.main(["--deployment", installation.file, "--images", str(images)]) == 2
    assert words in capsys.readouterr().err


def test_only_images_by_digest_from_our_repositories_are_accepted(installation: Installation) -> None:
    deployment = Deployment.parse(json.dumps(installation.deployment))
    good = installation.images(GOOD)
    assert parse_images(json.dumps(good), deployment) == good
    uri = installation.deployment["repositories"]["backend"]
    for wrong in (
        f"{uri}:latest",
        f"elsewhere/backend@sha256:{GOOD}",
        f"{uri}@sha256:{GOOD}0",
        f"{uri}@sha256:{GOOD}\n",
        None,
    ):
        with pytest.raises(Failure, match="image of backend must be"):
            parse_images(json.dumps(good | {"backend": wrong}), deployment)


def test_a_cluster_or_file_that_is_not_there_is_said(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main(["--deployment", "/nowhere.json", "--images", "/nowhere.json"]) == 2
    assert "/nowhere.json cannot be read" in capsys.readouterr().err
    installation.deployment["services"]["backend"] = "another"
    assert run(installation, GOOD) == 2
    said = capsys.readouterr().err
    assert "no running service another. Has terraform apply been run?" in said
    assert "no service was changed" in said
