"""What holds for every workflow: pins, permissions, limits, and scripts that a person can run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.conftest import ROOT, SCRIPTS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALLED = sorted({name for path in WORKFLOWS for name in re.findall(r"\bscripts/[\w.]+", path.read_text())})
USES = re.compile(r"^\s*-? ?uses: (\S+)(.*)$", re.MULTILINE)


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Path:
    return request.param


def parsed(path: Path) -> dict[str, Any]:
    """The workflow's YAML; `on` stays a word."""
    yaml = pytest.importorskip("ruamel.yaml", reason="check-jsonschema, which brings a YAML reader, is not installed")
    return yaml.YAML(typ="safe").load(path)


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(workflow: Path) -> None:
    uses = USES.findall(workflow.read_text())
    assert uses
    for action, comment in uses:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_one_action_has_one_pin() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for path in WORKFLOWS:
        for action, comment in USES.findall(path.read_text()):
            name, _, commit = action.partition("@")
            pins.setdefault(name, set()).add((commit, comment))
    assert {name: each for name, each in pins.items() if len(each) > 1} == {}


def test_nothing_is_permitted_but_what_a_job_asks_for(workflow: Path) -> None:
    document = parsed(workflow)
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        allowed = {"contents": "read"}
        if "environment" in job:
            allowed["id-token"] = "write"
        assert job["permissions"] == allowed, name


def test_every_job_ends_in_time_and_no_checkout_leaves_a_token_behind(workflow: Path) -> None:
    for name, job in parsed(workflow)["jobs"].items():
        if "uses" in job:
            continue
        assert job["timeout-minutes"] <= 90, name
        assert job["runs-on"] == "ubuntu-24.04"
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_no_expression_reaches_a_shell(workflow: Path) -> None:
    for job in parsed(workflow)["jobs"].values():
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", "")


def test_no_key_of_aws_is_kept_and_credentials_are_only_where_people_approve() -> None:
    for path in WORKFLOWS:
        assert set(re.findall(r"secrets\.(\w+)", path.read_text())) <= {"SMOKE_PASSWORD"}
    jobs = parsed(ROOT / ".github/workflows/deploy.yml")["jobs"]
    assert jobs["deploy"]["environment"] == "production"
    for job in jobs.values():
        wants = any("configure-aws-credentials" in step.get("uses", "") for step in job.get("steps", []))
        assert wants == ("environment" in job)


def test_caches_are_keyed_by_lock_files_and_deployments_use_none() -> None:
    for job in parsed(ROOT / ".github/workflows/ci.yml")["jobs"].values():
        for step in job["steps"]:
            if "setup-python" in step.get("uses", "") and "cache" in step["with"]:
                assert step["with"]["cache-dependency-path"] == "requirements/*.txt"
            if "actions/cache" in step.get("uses", ""):
                assert "hashFiles('infra/.terraform.lock.hcl')" in step["with"]["key"]
    assert "cache" not in (ROOT / ".github/workflows/deploy.yml").read_text()


def test_every_push_is_checked_and_main_is_deployed_only_after_that() -> None:
    ci, deploy = (parsed(ROOT / f".github/workflows/{name}.yml") for name in ("ci", "deploy"))
    assert set(ci["on"]) == {"push", "pull_request", "workflow_call"}
    assert ci["on"]["push"] == {"branches-ignore": ["main"]}
    assert deploy["on"]["push"] == {"branches": ["main"]}
    assert deploy["jobs"]["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert deploy["jobs"]["images"]["needs"] == "ci"
    assert deploy["jobs"]["deploy"]["needs"] == "images"
    assert deploy["concurrency"] == {"group": "deploy", "cancel-in-progress": False}


def test_the_workflows_call_scripts() -> None:
    assert {"scripts/deploy.py", "scripts/push_images.py", "scripts/build_images.sh"} <= set(CALLED)


@pytest.mark.parametrize("script", CALLED)
def test_a_script_that_a_workflow_calls_says_how_a_person_runs_it(script: str, tmp_path: Path) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    command = [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]
    # From anywhere, and with nothing set up: no AWS, no Docker, no Terraform.
    done = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()
    usage = " ".join(done.stdout.split())
    assert "xits with 1" in usage or "Exit codes" in usage


def test_every_script_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text()
    for path in SCRIPTS.iterdir():
        if path.is_file() and os.access(path, os.X_OK):
            assert f"`scripts/{path.name}`" in page
    for path in WORKFLOWS:
        assert f"`{path.name}`" in page
