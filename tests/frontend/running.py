"""A real backend and a real UI as processes of their own, for tests; and the reviews that they are given."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.shared_spark import python_with_task

ROOT = Path(__file__).resolve().parents[2]
CANARY = "heliotrope-gantry"  # stands in reviews; must never stand in a log
_GOOD = ("Lovely, works great", "Excellent, I love it", "Very happy with this", "Great value and easy to use")
_BAD = ("Terrible, it broke", "Awful, I hate it", "Very disappointed, bad quality", "Horrible noise, waste of money")
_PRODUCTS = ("Fern Kettle", "Ash Lamp", "Birch Radio")


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rows_of_reviews(count: int = 90) -> list[dict[str, str]]:
    """Reviews with products, days of one year, stars (a few against the text), one copy and two empty texts."""
    rows = []
    for number in range(count):
        good = number % 3 != 0
        text = f"{(_GOOD if good else _BAD)[number % 4]} {CANARY} number {number}."
        stars = (5 if good else 1) if number % 11 else (1 if good else 5)
        day = f"2025-{1 + number % 12:02d}-{1 + number % 27:02d}"
        rows.append({"Day": day, "Product": _PRODUCTS[number % 3 * (number % 2)], "Stars": str(stars), "Review": text})
    rows[4]["Review"] = rows[1]["Review"]
    rows[7]["Review"] = rows[8]["Review"] = " "
    return rows


def as_csv(rows: list[dict[str, str]]) -> bytes:
    """The rows as a CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@dataclass
class Backend:
    """A running backend with one user."""

    url: str
    data: Path
    environment: dict[str, str]
    access: str = ""
    refresh: str = ""

    def call(self, method: str, path: str, **options: Any) -> Any:
        """A request of the user; the answer's JSON, or None."""
        headers = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        response = httpx.request(method, self.url + path, headers=headers, timeout=60, trust_env=False, **options)
        response.raise_for_status()
        return response.json() if response.content else None

    def operator(self, path: str, **body: str) -> Any:
        """A request with the operator's key."""
        key = (self.data / "secrets" / "operator.key").read_text().strip()
        answer = httpx.post(self.url + path, json=body, headers={"X-ReviewLens-Operator": key}, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def log_in(self, name: str, password: str) -> None:
        """Make the user and log in as them."""
        self.operator("/operator/users", username=name, password=password)
        tokens = self.call("POST", "/login", json={"username": name, "password": password})
        self.access, self.refresh = tokens["access_token"], tokens["refresh_token"]

    def submit(self, filename: str, content: bytes, *, lose_file: bool = False) -> str:
        """Upload a file and start its job; the job's id. `lose_file`: the stored file is damaged in between."""
        upload = self.call("POST", "/uploads", params={"filename": filename}, content=content)
        if lose_file:
            (stored,) = (self.data / "objects").glob(f"uploads/*/{upload['upload_id']}/original")
            stored.write_bytes(b"")
        job = self.call("POST", "/trigger_pipeline", json={"upload_id": upload["upload_id"]})
        return str(job["job_id"])

    def ended(self, job_id: str, seconds: float = 120) -> dict[str, Any]:
        """The job once it has come to its end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.call("GET", f"/jobs/{job_id}")
            if job["state"] in ("succeeded", "failed", "cancelled"):
                return job
            time.sleep(0.3)
        raise TimeoutError(f"the job is still {job['state']}: {job.get('progress')}")


def backend_command(task: list[str] | None = None) -> list[str]:
    """The command that starts a backend, whose tasks run the program `task` instead of the pipeline's."""
    if task is None:
        return [sys.executable, "-m", "backend"]
    return python_with_task(task, "import runpy; runpy.run_module('backend', run_name='__main__')")


@contextlib.contextmanager
def backend(data: Path, *, task: list[str] | None = None, **settings: str) -> Iterator[Backend]:
    """`python -m backend` with the cheapest engine, until the block ends; `task`: the program that its tasks run."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "REVIEWLENS_DATA_DIR": str(data),
        "REVIEWLENS_ENGINE": "textblob",
        "REVIEWLENS_WORKERS": "1",
        "REVIEWLENS_BACKEND_PORT": str(port),
        "REVIEWLENS_BACKEND_URL": url,
        **{f"REVIEWLENS_{name.upper()}": value for name, value in settings.items()},
    }
    with _process(backend_command(task), environment, data / "backend.out", f"{url}/readyz"):
        yield Backend(url, data, environment)


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path, health: str) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait(process, health, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], health: str, log: Path, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(health, timeout=2, trust_env=False).status_code == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"{health} does not answer:\n{log.read_text()[-3000:]}")
