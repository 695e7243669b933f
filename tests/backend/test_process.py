"""The backend as a process: it starts, refuses a second one, is killed, and finds its jobs again."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from reviewlens.jobs.interface import CLAIM, JobState
from reviewlens.jobs.sqlite import SqliteJobTable
from tests.backend.conftest import TASK
from tests.frontend.running import backend_command
from tests.timing import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


class Backend:
    """`python -m backend` on a free port, with a folder of its own."""

    def __init__(self, folder: Path, task: list[str] | None, umask: int = -1, **settings: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "REVIEWLENS_DATA_DIR": str(folder),
            "REVIEWLENS_BACKEND_PORT": str(self.port),
            "REVIEWLENS_ENGINE": "textblob",
            "REVIEWLENS_WORKERS": "1",
            "REVIEWLENS_DRIVER_MEMORY_MB": "512",
            **settings,
        }
        self.output = folder.parent / f"output-{self.port}.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                backend_command(task), cwd=REPOSITORY, env=environment, stdout=output, stderr=output, umask=umask
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def wait(self) -> Backend:
        wait_until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def log_in(self, name: str = "ana") -> None:
        key = {"X-ReviewLens-Operator": (self.folder / "secrets" / "operator.key").read_text()}
        url = self.client.post("/operator/login-link", json={"username": name}, headers=key).json()["url"]
        answer = self.client.get(url)
        token = answer.cookies["reviewlens_access"]
        self.client.cookies.clear()
        self.client.headers["Authorization"] = f"Bearer {token}"

    def job(self, job_id: str) -> dict:
        return self.client.get(f"/jobs/{job_id}").json()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(120)


@pytest.fixture
def start(tmp_path):
    running: list[Backend] = []

    def start(task: list[str] | None = None, umask: int = -1, **settings: str) -> Backend:
        running.append(Backend(tmp_path / "data", task, umask, **settings))
        return running[-1]

    yield start
    for backend in running:
        if backend.process.poll() is None:
            backend.end(signal.SIGKILL)
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in " ".join(process.cmdline()):
                process.kill()
        except psutil.Error:
            continue


def rows(count: int) -> bytes:
    return b"Text,Rating\n" + b"".join(b"Review %d: it works very well,5\n" % number for number in range(count))


def submit(backend: Backend, content: bytes) -> str:
    upload = backend.client.post("/uploads?filename=reviews.csv", content=content).json()["upload_id"]
    return backend.client.post("/trigger_pipeline", json={"upload_id": upload}).json()["job_id"]


def has_ended(task: psutil.Process) -> bool:
    """Also when nobody has waited for it: its parent was killed."""
    try:
        return task.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def task_of(job_id: str) -> psutil.Process | None:
    for process in psutil.process_iter():
        try:
            words = process.cmdline()  # empty for one that has ended
        except psutil.Error:
            continue
        if "--spec" in words and f"/{job_id}/" in words[-1] and "python" in words[0]:
            return process
    return None


def names_its_task(data: Path) -> bool:
    """Whether the one running job's row has the handle of its task; until then it holds the backend's claim."""
    table = SqliteJobTable(data / "jobs.db")
    running = table.in_states([JobState.RUNNING])
    table.close()
    return bool(running) and not running[0].handle.startswith(CLAIM)


@pytest.mark.slow
@pytest.mark.spark
def test_a_job_outlives_a_killed_backend_and_resumes_after_an_orderly_stop(start, tmp_path, shared_spark_tasks):
    command = shared_spark_tasks.command
    with shared_spark_tasks.turn:  # the task runs until its turn comes
        first = start(command).wait()
        first.log_in()
        job = submit(first, rows(300))
        wait_until(lambda: names_its_task(tmp_path / "data") and task_of(job))
        task = task_of(job)
        first.end(signal.SIGKILL)
        assert task.is_running()

        second = start(command).wait()
        second.log_in()
        found = second.job(job)
        assert (found["state"], found["attempts"]) == ("running", 1)
        assert task_of(job) == task
    assert second.end(signal.SIGINT) == 0
    assert has_ended(task)

    third = start(command).wait()
    third.log_in()
    wait_until(lambda: third.job(job)["state"] not in ("running", "queued", "interrupted"))
    done = third.job(job)
    assert (done["state"], done["rows_read"], done["rows_scored"]) == ("succeeded", 300, 300)
    assert done["attempts"] <= 2
    assert third.client.get(f"/jobs/{job}/reviews?limit=1").json()["total"] == 300
    assert third.end() == 0


def test_a_second_backend_on_the_same_folder_says_so_in_plain_words(start):
    first = start().wait()
    second = start()
    assert second.process.wait(60) == 1
    assert "Another ReviewLens backend is using" in second.output.read_text()
    assert first.client.get("/healthz").status_code == 200


def test_a_port_that_is_taken_is_said(start, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        backend = start(REVIEWLENS_BACKEND_PORT=str(taken.getsockname()[1]))
        assert backend.process.wait(60) == 1
    assert "address already in use" in backend.output.read_text()


def test_a_wrong_setting_is_said(start):
    backend = start(REVIEWLENS_ENVIRONMENT="production")
    assert backend.process.wait(60) == 1
    assert "REVIEWLENS_COOKIE_SECURE must be true" in backend.output.read_text()


def test_a_data_folder_that_cannot_be_written_is_said_in_one_sentence(start, tmp_path):
    (tmp_path / "file").write_text("no folder")
    backend = start(REVIEWLENS_DATA_DIR=str(tmp_path / "file" / "data"))
    assert backend.process.wait(60) == 1
    (line,) = backend.output.read_text().splitlines()
    assert re.search(
        r"cannot be written \((File exists|Not a directory)\)\. Make it writable, or set REVIEWLENS_DATA_DIR", line
    )


def test_logs_are_json_on_standard_output_and_in_the_file(start, tmp_path):
    backend = start().wait()
    backend.client.get("/me", headers={"X-Request-ID": "find-me-again"})
    wait_until(lambda: "find-me-again" in (tmp_path / "data" / "logs" / "fastapi.log").read_text())
    assert backend.end() == 0
    printed = [json.loads(line) for line in backend.output.read_text().splitlines()]
    kept = [json.loads(line) for line in (tmp_path / "data" / "logs" / "fastapi.log").read_text().splitlines()]
    assert printed == kept
    (line,) = [line for line in kept if line.get("request_id") == "find-me-again"]
    assert (line["route"], line["status"], line["method"]) == ("/me", 401, "GET")


def test_the_backend_starts_without_torch_and_without_pyspark():
    check = (
        "import sys; from backend.main import create_app; from reviewlens.settings import Settings;"
        "create_app(Settings()); print(sorted({'torch', 'transformers', 'pyspark', 'boto3'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", check], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("umask", [0, 0o022])
def test_everything_in_the_data_folder_is_private(start, tmp_path, umask):
    (tmp_path / "data" / "objects").mkdir(parents=True, mode=0o755)  # an earlier version made it
    (tmp_path / "task.py").write_text(TASK)
    backend = start([sys.executable, "-S", str(tmp_path / "task.py")], umask=umask).wait()
    backend.log_in()
    job = submit(backend, rows(10))
    wait_until(lambda: names_its_task(tmp_path / "data"))
    backend.client.post(f"/jobs/{job}/cancel")
    wait_until((tmp_path / "data" / "logs" / "jobs" / f"{job}.log").exists)
    assert backend.end() == 0
    below = sorted((tmp_path / "data").rglob("*"))
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in below}
    wanted = {str(path.relative_to(tmp_path)): 0o700 if path.is_dir() else 0o600 for path in below}
    open_to_others = {name: oct(mode) for name, mode in modes.items() if mode != wanted[name]}
    assert open_to_others == {}
    for name in ("secrets/operator.key", "secrets/signing-key.pem", "users.db", "jobs.db", "logs/fastapi.log"):
        assert f"data/{name}" in modes
