"""What Terraform makes and what the product expects are written in two languages: they must say the same."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter

from backend.routes import INTERNAL_ROUTERS, ROUTERS
from backend.web import health
from backend.web.serve import KEEP_ALIVE_SECONDS
from reviewlens.jobs.dynamodb import SCHEMA, TTL_ATTRIBUTE
from reviewlens.jobs.interface import JobState
from reviewlens.settings import Settings
from tests.infra.terraform import INFRA

LOAD_BALANCER = (INFRA / "load_balancer.tf").read_text()
PAGES = ("/", "/start", "/dashboard", "/analyse", "/runs", "/try", "/_stcore/stream", "/static/js/index.js")


def listed(name: str, text: str) -> list[str]:
    """The strings of a list that stands in the code."""
    found = re.search(rf"\b{name}\s*=\s*\[(.*?)\]", text, re.DOTALL)
    assert found, name
    return re.findall(r'"([^"]*)"', found[1])


def routes(*routers: APIRouter) -> list[str]:
    """The paths of these routers, with something in place of their parameters."""
    paths = [route.path for router in routers for route in router.routes]  # type: ignore[attr-defined]
    return [re.sub(r"\{[^}]*\}", "x", path) for path in paths]


def matches(path: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def test_every_route_reaches_the_backend_or_is_closed_on_purpose() -> None:
    """A public route by its own path or below /api, where every one of them answers and no internal one does
    (tests/backend/test_api_prefix.py)."""
    open_, closed = listed("backend_paths", LOAD_BALANCER), listed("closed_paths", LOAD_BALANCER)
    public, internal = routes(health.router, *ROUTERS), routes(health.internal, *INTERNAL_ROUTERS)
    assert len(public) > 20 and len(internal) >= 3
    for path in public:
        assert not matches(path, closed), path
        assert matches(path, open_) or matches(f"/api{path}", open_), path
    for path in internal:
        assert matches(path, closed) and not matches(path, open_), path


def test_the_paths_that_programs_use_stay() -> None:
    open_ = listed("backend_paths", LOAD_BALANCER)
    for path in ("/login", "/trigger_pipeline", "/generate_dashboard", "/jobs/x", "/uploads", "/session/start", "/me"):
        assert matches(path, open_), path


def test_no_page_of_the_ui_is_taken_for_a_route() -> None:
    for page in PAGES:
        assert not matches(page, listed("backend_paths", LOAD_BALANCER) + listed("closed_paths", LOAD_BALANCER)), page


def test_no_pattern_is_left_over() -> None:
    for pattern in listed("backend_paths", LOAD_BALANCER):
        public = routes(health.router, *ROUTERS)
        assert any(fnmatchcase(address, pattern) for path in public for address in (path, f"/api{path}")), pattern


def test_a_rule_of_the_load_balancer_takes_five_paths() -> None:
    assert "chunklist(local.backend_paths, 5)" in LOAD_BALANCER
    assert len(listed("closed_paths", LOAD_BALANCER)) <= 5


def test_the_load_balancer_lets_go_of_idle_connections_before_the_backend_does() -> None:
    found = re.search(r"\bidle_timeout\s*=\s*(\d+)", LOAD_BALANCER)
    assert found and int(found[1]) < KEEP_ALIVE_SECONDS


def test_every_setting_that_is_given_exists() -> None:
    given = set(re.findall(r"\bREVIEWLENS_([A-Z0-9_]+)\b", (INFRA / "settings.tf").read_text()))
    known = {name.upper() for name in Settings.model_fields}
    assert len(given) > 20
    assert given <= known, given - known


def test_the_settings_are_enough_for_a_backend() -> None:
    text = (INFRA / "settings.tf").read_text()
    names = re.findall(r"^\s*REVIEWLENS_([A-Z0-9_]+)\s*=", text, re.MULTILINE)
    example: dict[str, Any] = {
        name.lower(): "x" for name in names if Settings.model_fields[name.lower()].annotation is str
    }
    made = Settings(
        **{**example, "identity": "cognito", "launcher": "fargate", "environment": "production", "cookie_secure": True}
    )
    assert made.ecs_cluster  # nothing that belongs together was left out


def test_the_table_is_the_one_that_the_backend_expects() -> None:
    text = (INFRA / "jobs_table.tf").read_text()
    keys = {each["KeyType"]: each["AttributeName"] for each in SCHEMA["KeySchema"]}
    table = text.split("global_secondary_index", 1)[0]
    assert re.search(rf'hash_key\s*=\s*"{keys["HASH"]}"', table)
    assert re.search(rf'range_key\s*=\s*"{keys["RANGE"]}"', table)
    made = {}
    for block in re.findall(r"global_secondary_index \{(.*?)\}", text, re.DOTALL):
        values = dict(re.findall(r'(\w+)\s*=\s*"(\w+)"', block))
        made[values["name"]] = (values["hash_key"], values["range_key"], values["projection_type"])
    wanted = {
        index["IndexName"]: (
            index["KeySchema"][0]["AttributeName"],
            index["KeySchema"][1]["AttributeName"],
            index["Projection"]["ProjectionType"],
        )
        for index in SCHEMA["GlobalSecondaryIndexes"]
    }
    assert made == wanted
    assert set(re.findall(r'"(\w+)"', text.split("for_each =", 1)[1].split("\n", 1)[0])) == {
        each["AttributeName"] for each in SCHEMA["AttributeDefinitions"]
    }
    assert f'attribute_name = "{TTL_ATTRIBUTE}"' in text


@pytest.mark.parametrize("path", sorted(INFRA.rglob("*.tf")), ids=lambda path: str(path.relative_to(INFRA)))
def test_every_file_starts_with_its_purpose_and_is_in_the_readme(path: Path) -> None:
    assert path.read_text().startswith("# ")
    readme = (INFRA / "README.md").read_text()
    assert f"`{path.relative_to(INFRA)}`" in readme or f"`{path.parent.relative_to(INFRA)}/`" in readme


def test_the_readme_names_files_and_variables_that_exist() -> None:
    readme = (INFRA / "README.md").read_text()
    for name in re.findall(r"`(\w+\.tf)`", readme):
        assert (INFRA / name).exists(), name
    table = readme.split("| change | variables | afterwards |", 1)[1].split("\n\n", 1)[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)[^`]*`", row.split("|")[2])}
    assert len(named) > 20
    assert named <= set(re.findall(r'^variable "(\w+)"', (INFRA / "variables.tf").read_text(), re.MULTILINE))


def test_every_module_is_used() -> None:
    used = {
        each for path in INFRA.glob("*.tf") for each in re.findall(r'source\s*=\s*"\./modules/(\w+)"', path.read_text())
    }
    assert used == {path.name for path in INFRA.glob("modules/*")}


def test_security_groups_are_described_in_characters_that_aws_accepts() -> None:
    """EC2 refuses others, an apostrophe for instance; the emulator takes them all."""
    blocks = [
        block
        for path in INFRA.rglob("*.tf")
        for block in re.findall(
            r'^resource "aws_(?:vpc_)?security_group\w*" .*?^\}', path.read_text(), re.MULTILINE | re.DOTALL
        )
    ]
    described = [
        text
        for block in blocks
        for line in re.findall(r"description += (.*)", block)
        for text in re.findall(r'"([^"]*)"', line)
    ]
    assert len(described) > 10
    for text in described:
        assert re.fullmatch(r"[a-zA-Z0-9. _:/()#,@\[\]+=&;{}!$*-]{1,255}", text), text


def test_every_exception_from_the_security_checks_gives_its_reason() -> None:
    found = [
        line.strip() for path in INFRA.rglob("*.tf") for line in path.read_text().splitlines() if "checkov:skip" in line
    ]
    assert found
    for line in found:
        assert re.fullmatch(r"#checkov:skip=CKV2?_AWS_\d+:\S.{15,}", line), line


def test_the_alarms_read_what_the_log_says() -> None:
    text = (INFRA / "monitoring.tf").read_text()
    told = "".join(
        (INFRA.parent / "reviewlens" / "jobs" / name).read_text() for name in ("backlog.py", "dispatcher.py")
    )
    assert '"{ $.job_state = \\"${each.value}\\" }"' in text and '"job_state": str(state)' in told
    for number in ("jobs_waiting", "jobs_running"):
        assert f'"{number}": ' in told
    assert 'toset(["succeeded", "failed"])' in text and {"succeeded", "failed"} <= {str(state) for state in JobState}


def test_the_page_for_one_machine_sends_the_same_paths_to_the_backend() -> None:
    page = (INFRA.parent / "DEPLOYMENT.md").read_text()
    for name, words in (("backend_paths", "@api path "), ("closed_paths", "@closed path ")):
        (told,) = re.findall(rf"^\s*{words}(.*)$", page, re.MULTILINE)
        assert told.split() == listed(name, LOAD_BALANCER)


def test_the_page_names_variables_outputs_and_scripts_that_exist() -> None:
    page = (INFRA.parent / "DEPLOYMENT.md").read_text()
    variables = set(re.findall(r'^variable "(\w+)"', (INFRA / "variables.tf").read_text(), re.MULTILINE))
    outputs = set(re.findall(r'^output "(\w+)"', (INFRA / "outputs.tf").read_text(), re.MULTILINE))
    assert set(re.findall(r"-var (\w+)=", page)) <= variables
    assert set(re.findall(r"output (?:-raw|-json) (\w+)", page)) <= outputs
    table = page.split("| variable | default |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) <= variables
    for script in re.findall(r"scripts/\w+\.(?:py|sh)", page):
        assert (INFRA.parent / script).exists(), script
