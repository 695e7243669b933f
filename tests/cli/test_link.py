"""A log-in link and a new user from a running backend, as in a container that runs without `up`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from reviewlens.cli import app
from reviewlens.cli.processes import Service, free_port, stop, wait_until_ready

ROOT = Path(__file__).parents[2]
UI = "http://127.0.0.1:8501"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A backend that browsers reach at another address than this process does."""
    data = tmp_path_factory.mktemp("data")
    port = free_port("127.0.0.1", 18200)
    backend = f"http://127.0.0.1:{port}"
    chosen = {"DATA_DIR": str(data), "BACKEND_PORT": str(port), "BACKEND_URL": backend}
    chosen |= {"PUBLIC_BACKEND_URL": "https://reviews.example", "PUBLIC_FRONTEND_URL": UI}
    service = Service("backend", [sys.executable, "-m", "backend"], f"{backend}/healthz", data / "backend.out", chosen)
    service.start(ROOT)
    try:
        wait_until_ready([service], 120, lambda: None)
        yield chosen
    finally:
        assert service.process is not None
        stop([service.process.pid], 30)


def _run(settings: dict[str, str], *arguments: str) -> Result:
    environment = {f"REVIEWLENS_{name}": value for name, value in settings.items()}
    return CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)


def test_the_link_alone_is_printed_and_logs_in_once(settings: dict[str, str]) -> None:
    answer = _run(settings, "link", "anna")
    assert answer.exit_code == 0, answer.stderr
    link = answer.stdout.strip()
    assert link.startswith("https://reviews.example/session/start?token=")
    here = link.replace("https://reviews.example", settings["BACKEND_URL"])
    first = httpx.get(here)
    assert (first.status_code, first.headers["location"]) == (303, UI)
    assert {"reviewlens_access", "reviewlens_refresh"} <= set(first.cookies)
    assert httpx.get(here).status_code == 401


def test_a_person_is_added_through_the_running_backend(settings: dict[str, str]) -> None:
    assert _run(settings, "user", "add", "bruno", "--password", "a long enough password").exit_code == 0
    form = {"username": "bruno", "password": "a long enough password"}
    assert httpx.post(f"{settings['BACKEND_URL']}/session/login", data=form).status_code == 303


def test_a_key_from_the_settings_is_used_instead_of_the_file(settings: dict[str, str]) -> None:
    answer = _run({**settings, "OPERATOR_KEY": "not the backend's"}, "link")
    assert answer.exit_code == 1
    assert "operator key" in answer.stderr
    assert answer.stdout == ""


def test_without_a_backend_it_says_so(tmp_path: Path) -> None:
    answer = _run({"DATA_DIR": str(tmp_path), "BACKEND_URL": "http://127.0.0.1:9"}, "link")
    assert answer.exit_code == 1
    assert "has not written its operator key" in answer.stderr
