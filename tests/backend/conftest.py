"""A running application with two users, whose jobs run a stand-in task that ends when the test says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.main import create_app
from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs.interface import JobState
from reviewlens.launch import subprocess as launch
from reviewlens.settings import Settings
from tests.insights.make_results import make_row, write_results
from tests.timing import wait_until

CSV = b"Text,Rating\nWorks very well,5\nBroke at once,1\n"
PASSWORD = "a password for tests"
TASK = """
import pathlib, signal, sys, time
from urllib.parse import unquote, urlsplit
folder = pathlib.Path(unquote(urlsplit(sys.argv[2]).path)).parent
signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))
while True:
    if (folder / "cancel").exists():
        (folder / "cancelled.json").write_text("{}")
        sys.exit(3)
    if (folder / "error.json").exists():
        sys.exit(2)
    if (folder / "inference_summary.json").exists():
        sys.exit(0)
    time.sleep(0.02)
"""


@dataclass
class BackendApp:
    """The application under test and ways to use it as somebody."""

    app: FastAPI
    client: TestClient
    settings: Settings
    folder: Path

    @property
    def platform(self):
        return self.app.state.services.platform

    def token(self, name: str) -> str:
        users = self.platform.local_users
        return users.redeem(users.login_link_token(name)).access_token

    def subject(self, name: str) -> str:
        return self.platform.local_users.ensure_user(name).subject

    def as_(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(name)}"}

    def upload(self, name: str = "ana", content: bytes = CSV, filename: str = "reviews.csv") -> dict[str, Any]:
        answer = self.client.post(f"/uploads?filename={filename}", content=content, headers=self.as_(name))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def submit(self, name: str = "ana", **more: Any) -> dict[str, Any]:
        body = {"upload_id": self.upload(name)["upload_id"], **more}
        answer = self.client.post("/trigger_pipeline", json=body, headers=self.as_(name))
        assert answer.status_code == 202, answer.text
        return answer.json()

    def job(self, job_id: str, name: str = "ana") -> dict[str, Any]:
        answer = self.client.get(f"/jobs/{job_id}", headers=self.as_(name))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, job_id: str, state: JobState, name: str = "ana") -> dict[str, Any]:
        wait_until(lambda: self.job(job_id, name)["state"] == state)
        return self.job(job_id, name)

    def output(self, job_id: str, name: str = "ana") -> Path:
        """The folder in which the job's task writes."""
        return self.folder / "objects" / JobKeys(self.subject(name), job_id).output_prefix

    def finished(self, name: str = "ana", texts: tuple[str, ...] = ("Works very well", "Broke at once")) -> str:
        """A finished job with so many reviews, every other one positive."""
        job_id = self.submit(name)["job_id"]
        rows = [
            make_row(number, text, 0.9 if number % 2 else 0.1, rating=5.0 if number % 2 else 1.0)
            for number, text in enumerate(texts, 1)
        ]
        self.wait(job_id, JobState.RUNNING, name)
        write_results(self.output(job_id, name), rows, [(9, "text-empty", "The text is empty.", ",3")])
        self.wait(job_id, JobState.SUCCEEDED, name)
        return job_id


def make_backend_app(folder: Path, **settings: Any) -> Iterator[BackendApp]:
    """An application that is up until the generator goes on."""
    chosen = Settings(
        **{
            "data_dir": folder,
            "engine": "textblob",
            "public_backend_url": "http://testserver",
            "requests_per_minute": 100_000,
            "login_attempts_per_minute": 100_000,
            "max_upload_bytes": 200_000,
            "max_queued_jobs_per_user": 100,
            "max_concurrent_jobs": 50,
            **settings,
        }
    )
    (folder / "task.py").write_text(TASK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "default_command", lambda: [sys.executable, "-S", str(folder / "task.py")])
        app = create_app(chosen)
        with TestClient(app, base_url="http://testserver", raise_server_exceptions=False) as client:
            client.follow_redirects = False
            backend_app = BackendApp(app, client, chosen, folder)
            yield backend_app


@pytest.fixture(scope="module")
def backend_app(tmp_path_factory) -> Iterator[BackendApp]:
    yield from make_backend_app(tmp_path_factory.mktemp("backend_app"))
