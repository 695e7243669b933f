"""A log-in link and a new user from a running backend, as in a container that runs without `up`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from reviewlens.cli import app
from reviewlens.cli.processes import Service, free_port, stop, wait_until_ready
from reviewlens.identity.private_files import operator_key

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


class _AnotherBackend(BaseHTTPRequestHandler):
    """A backend of somebody else, which remembers what it is sent."""

    received: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.received.append(f"{self.path} {self.headers}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"keys": []}')

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


def test_another_backend_is_sent_nothing_of_this_folder(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _AnotherBackend) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            chosen = {"DATA_DIR": str(tmp_path), "BACKEND_URL": f"http://127.0.0.1:{server.server_port}"}
            assert _run(chosen, "user", "add", "bruno").exit_code == 0
            key = operator_key(tmp_path / "secrets")
            for arguments in (("link",), ("link", "--example")):
                answer = _run(chosen, *arguments)
                assert answer.exit_code == 1
                assert "runs on another data folder" in answer.stderr
                assert answer.stdout == ""
            assert _run({**chosen, "OPERATOR_KEY": key}, "user", "add", "carla").exit_code == 0
        finally:
            server.shutdown()
            thread.join()
    assert [request.split()[0] for request in _AnotherBackend.received] == ["/.well-known/jwks.json"] * 2
    for request in _AnotherBackend.received:
        assert "authorization" not in request.lower()
        assert "operator" not in request.lower()
        assert key not in request


def test_without_a_backend_it_says_so(tmp_path: Path) -> None:
    answer = _run({"DATA_DIR": str(tmp_path), "BACKEND_URL": "http://127.0.0.1:9"}, "link")
    assert answer.exit_code == 1
    assert "No backend answers at http://127.0.0.1:9" in answer.stderr
