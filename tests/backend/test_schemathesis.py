"""Schemathesis reads the description of the API and calls every route of the running backend in all ways it can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from reviewlens.identity.private_files import operator_key
from reviewlens.jobs.interface import JobState
from tests.backend.conftest import CSV, PASSWORD, BackendApp, make_backend_app
from tests.emulator import free_port
from tests.timing import wait_until

EXAMPLES = 8
CHECKS = ("not_a_server_error", "content_type_conformance", "response_schema_conformance", "ignored_auth")

SECRET = ("/explanation", "/session/start", "/login", "/refresh")
"""What answers well only to a secret that nobody guesses, or to the model that scored; its refusals are tried."""
OFF_HERE = ("/session/callback", "/admin/", "/uploads/direct", "/complete")
"""What this installation has turned off, or this caller may not."""


@contextmanager
def served(backend_app: BackendApp) -> Iterator[str]:
    """The application over real HTTP; the test client has started it already."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(backend_app.app, host="127.0.0.1", port=port, lifespan="off", log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def with_real_ids(described: dict[str, Any], ids: dict[str, list[Any]]) -> dict[str, Any]:
    """The description, many of whose ids are those of things that are there: what lies behind them is tried as well."""

    def likely(name: str, schema: dict[str, Any]) -> dict[str, Any]:
        if name not in ids:
            return schema
        return {"anyOf": [{"enum": ids[name]}, {key: value for key, value in schema.items() if key != "examples"}]}

    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = likely(parameter["name"], parameter["schema"])
    for schema in described["components"]["schemas"].values():
        for name in schema.get("required", []):
            if name in schema["properties"]:
                schema["properties"][name] = likely(name, schema["properties"][name])
    media = described["paths"]["/uploads"]["post"]["requestBody"]["content"]["application/octet-stream"]
    media["examples"] = {"reviews": {"value": CSV.decode()}}
    return described


def test_no_route_answers_a_server_error_whatever_it_is_sent(tmp_path: Path) -> None:
    if find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed; ./run test installs it")
    settings = {"max_concurrent_jobs": 3, "max_queued_jobs_per_user": 10, "requests_per_minute": 10**6}
    for backend_app in make_backend_app(tmp_path, **settings):
        backend_app.platform.local_users.add_user("ana", PASSWORD)
        done = [backend_app.finished() for _ in range(3)]
        failed, running = backend_app.submit()["job_id"], backend_app.submit()["job_id"]
        backend_app.wait(failed, JobState.RUNNING)
        (backend_app.output(failed) / "error.json").write_text('{"code": "no-rows", "message": "There is no row."}')
        backend_app.wait(failed, JobState.FAILED)
        uploads = [backend_app.job(job)["upload_id"] for job in done]
        ids = {"job_id": [*done, failed, running], "upload_id": uploads, "row": [1, 2], "username": ["ana"]}
        ids["password"] = [PASSWORD]
        described = backend_app.client.get("/openapi.json", headers=backend_app.as_("ana")).json()
        (tmp_path / "openapi.json").write_text(json.dumps(with_real_ids(described, ids)))
        with served(backend_app) as url:
            report = run(tmp_path, url, backend_app)
    every = {f"{method.upper()} {path}" for path, of in described["paths"].items() for method in of}
    assert len(every) == report["operations"]["tested"] >= 25
    assert report["test_cases"]["generated"] >= 25 * len(every)
    reached = {name for name, phases in report["valid_rates"].items() if sum(p["accepted"] for p in phases.values())}
    missed = [name for name in sorted(every - reached) if not any(word in name for word in SECRET + OFF_HERE)]
    assert missed == [], "it should get through to all others"


def run(folder: Path, url: str, backend_app: BackendApp) -> dict[str, Any]:
    """Its report, having failed the test when it found anything."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, "--seed", "4"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--generation-database", "none", "--continue-on-failure"]
    command += ["--warnings", "off", "--no-shrink", "--suppress-health-check", "all"]
    command += ["--report-json-path", "report.json"]
    command += ["-H", f"Authorization: {backend_app.as_('ana')['Authorization']}"]
    command += ["-H", f"X-ReviewLens-Operator: {operator_key(backend_app.folder / 'secrets')}"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-3000:]
    return json.loads((folder / "report.json").read_text())
