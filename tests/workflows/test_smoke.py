"""The smoke test against the real product, and against sites that are ill in one way each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import smoke

from tests.frontend import running
from tests.shared_spark import SharedSparkTasks

Answer = tuple[int, str, bytes]
WELL: dict[str, Answer] = {
    "/healthz": (200, "application/json", b'{"status": "ok"}'),
    "/readyz": (200, "application/json", b'{"status": "ok"}'),
    "/_stcore/health": (200, "text/plain", b"ok"),
    "/me": (401, "application/problem+json", b"{}"),
    "/login": (200, "application/json", b'{"access_token": "t"}'),
}


@pytest.fixture
def site() -> Iterator[Callable[..., str]]:
    """Starts a site that answers as WELL does, but for what it is given; returns its address."""
    servers = []

    def start(**changed: Answer) -> str:
        answers = WELL | {"/" + name.replace("_stcore_", "_stcore/"): answer for name, answer in changed.items()}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = answers.get(self.path, (404, "application/problem+json", b"{}"))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run(url: str, *more: str, frontend: str = "") -> int:
    return smoke.main(["--backend", url, "--frontend", frontend or url, "--patience", "0", *more])


@pytest.mark.spark
@pytest.mark.slow
def test_the_real_product_passes_as_a_new_user_and_again(
    tmp_path: Path,
    site: Callable[..., str],
    shared_spark_tasks: SharedSparkTasks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running.backend(tmp_path / "data", task=shared_spark_tasks.command) as backend:
        key = (backend.data / "secrets" / "operator.key").read_text().strip()
        monkeypatch.setenv("SMOKE_OPERATOR_KEY", key)
        monkeypatch.setenv("SMOKE_PASSWORD", "a password for tests")
        assert run(backend.url, "--make-user", "--user", "visitor", frontend=site()) == 0, capsys.readouterr().err
        assert "a file of 4 reviews was uploaded, analysed, shown and exported" in capsys.readouterr().err
        backend.access = backend.call(
            "POST", "/login", json={"username": "visitor", "password": "a password for tests"}
        )["access_token"]
        assert backend.call("GET", "/jobs")["jobs"] == []  # it left nothing behind
        monkeypatch.setenv("SMOKE_PASSWORD", "another")
        assert run(backend.url, "--user", "visitor", frontend=site()) == 1
        assert "The request failed while logging in: 401" in capsys.readouterr().err
        monkeypatch.setenv("SMOKE_OPERATOR_KEY", "wrong")
        assert run(backend.url, "--make-user", "--user", "other", frontend=site()) == 1
        assert "The request failed while adding the user" in capsys.readouterr().err


def test_a_site_that_is_well_passes_without_a_user(
    site: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site()) == 0
    assert "no user was named, so no file was analysed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ({"healthz": (200, "text/html", b"<html>a page of the load balancer")}, "not one of ReviewLens"),
        ({"readyz": (503, "application/json", b'{"status": "unavailable"}')}, "503"),
        ({"_stcore_health": (502, "text/html", b"bad gateway")}, "_stcore/health does not answer as it should: 502"),
        ({"me": (200, "application/json", b'{"subject": "someone"}')}, "without a token answers"),
        ({"me": (401, "text/html", b"no")}, "without a token answers"),
    ],
)
def test_a_site_that_is_ill_is_told_from_one_that_is_well(
    ill: dict[str, Answer], words: str, site: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site(**ill)) == 1
    assert words in capsys.readouterr().err


def test_a_job_that_still_runs_is_deleted_once_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [409, 409, 204]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return httpx.Response(200 if request.method == "POST" else answers.pop(0))

    monkeypatch.setattr(smoke, "_PAUSE", 0)
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        smoke._delete(http, "http://site/jobs/1", "somebody")
    assert asked == ["POST /jobs/1/cancel", *["DELETE /jobs/1"] * 3]


def test_a_site_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"http://127.0.0.1:{running.free_port()}") == 1
    assert "no answer (ConnectError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        (
            {"login": (200, "application/json", b'{"challenge": "SOFTWARE_TOKEN_MFA"}')},
            "cannot log in with a password only",
        ),
        ({}, "The request failed while uploading: 404"),
        ({"uploads": (201, "application/json", b'{"unexpected": 1}')}, "not one of ReviewLens: KeyError('upload_id')"),
        ({"uploads": (201, "text/html", b"<html>")}, "not one of ReviewLens"),
    ],
)
def test_each_step_of_an_analysis_that_fails_is_named(
    ill: dict[str, Answer], words: str, site: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site(**ill), "--user", "somebody") == 1
    assert words in capsys.readouterr().err
