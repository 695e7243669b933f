"""The built images on a real engine: who they run as, what they hold, how they end; compose from first start to second.

Skipped where there is no engine or the images are not built (scripts/build_images.sh builds them).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reviewlens.cli.processes import free_port
from tests.containers.test_files import slim
from tests.pipeline.make_jobs import as_csv, make_job, review_rows
from tests.timing import wait_until

ROOT = Path(__file__).parents[2]
SERVED = {"backend": 8000, "frontend": 8501, "standalone": 8000}
LIMITS_MB = {"backend": 650, "frontend": 800, "pipeline": 1500}
IMPORTS = {
    "backend": "backend.main, reviewlens.insights.dashboard, reviewlens.insights.export, reviewlens.storage.s3,"
    " reviewlens.identity.cognito, reviewlens.launch.fargate, reviewlens.jobs.dynamodb,"
    " reviewlens.model.engines.openvino, reviewlens.model.engines.textblob, reviewlens.reading.parquet,"
    " reviewlens.reading.xlsx",
    "frontend": "streamlit, altair, pandas, frontend.client, frontend.charts",
    "pipeline": "pyspark.sql, reviewlens.pipeline.runner, reviewlens.storage.s3, reviewlens.model.engines.openvino,"
    " reviewlens.model.engines.textblob, reviewlens.reading.xlsx",
    "standalone": "backend.main, pyspark.sql, reviewlens.pipeline.runner, reviewlens.cli.link",
}


def _docker(*arguments: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check, timeout=seconds)


def _image(name: str) -> str:
    """The image that scripts/build_images.sh and compose make; skips the test where it is not there."""
    if shutil.which("docker") is None or _docker("info", check=False).returncode:
        pytest.skip("no container engine answers here")
    if _docker("image", "inspect", f"reviewlens-{name}:local", check=False).returncode:
        pytest.skip(f"reviewlens-{name}:local is not built: scripts/build_images.sh")
    return f"reviewlens-{name}:local"


def _run(image: str, *command: str) -> str:
    """What a command prints in a container confined as in production."""
    confined = ("--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none")
    done = _docker("run", *confined, "--security-opt", "no-new-privileges:true", image, *command, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", ["backend", "frontend", "pipeline", "standalone", "training"])
def test_an_image_runs_as_nobody_and_holds_no_tools(name: str) -> None:
    image = _image(name)
    facts = json.loads(_docker("image", "inspect", image).stdout)[0]
    assert facts["Config"]["User"] == "10001:10001"
    assert set(facts["Config"]["Volumes"]) == {"/data", "/tmp"}
    assert not any("TOKEN" in each or "SECRET" in each or "PASSWORD" in each for each in facts["Config"]["Env"])
    found = _run(
        image, "sh", "-c", "id -u; find / -xdev -perm /6000 -type f 2>/dev/null; ls -d /app/tests /app/.git; true"
    )
    assert found.split() == ["10001"]
    tools = "import shutil; print([name for name in ('pip', 'gcc', 'make', 'git', 'curl') if shutil.which(name)])"
    assert _run(image, "python", "-c", tools).strip() == "[]"
    assert _run(image, "python", "-c", "import importlib.util as u; print(u.find_spec('pip'))").strip() == "None"
    writable = "import os; open('/data/x', 'w'); open('/tmp/x', 'w'); print(os.access('/app', os.W_OK))"
    assert _run(image, "python", "-c", writable).strip() == "False"


@pytest.mark.parametrize("name", sorted(LIMITS_MB))
def test_an_image_is_no_larger_than_it_may_be(name: str) -> None:
    size = int(_docker("image", "inspect", "--format", "{{.Size}}", _image(name)).stdout) / 1e6
    assert size <= LIMITS_MB[name], f"{name}: {size:.0f} MB"


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_what_an_image_runs_can_be_imported(name: str) -> None:
    _run(_image(name), "python", "-W", "error::ImportWarning", "-c", f"import {IMPORTS[name]}")


@pytest.mark.parametrize("name", ["backend", "frontend", "pipeline", "standalone", "training"])
def test_python_need_not_compile_its_own_library_at_each_start(name: str) -> None:
    """A second of a processor each time, where Spark starts Python often and a read-only root keeps no byte code."""
    asked = "import asyncio, email, http.client, sys; from pathlib import Path; print([m.__name__ for m in"
    asked += " sys.modules.values() if getattr(m, '__cached__', None) and not Path(m.__cached__).exists()])"
    assert _run(_image(name), "python", "-I", "-c", asked).strip() == "[]"


@pytest.mark.slow
@pytest.mark.spark
def test_the_pipeline_s_image_runs_a_job_to_its_end(tmp_path: Path) -> None:
    image = _image("pipeline")
    made = make_job(tmp_path, as_csv(review_rows(40)), engine="cascade")
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o777)  # the container's user is another than the one who made this
    done = _docker(
        "run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none",
        "--security-opt", "no-new-privileges:true", "--volume", f"{tmp_path}:{tmp_path}",
        "--env", f"REVIEWLENS_DATA_DIR={tmp_path}", image,
        "python", "sentiment-pipeline/run_all.py", "--spec", made.uri,
        check=False, seconds=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert made.csv(made.keys.served_csv)


def test_every_aws_client_can_be_made_in_the_backend() -> None:
    services = sorted(slim.AWS_SERVICES - {"sso", "sso-oidc"})
    make = f"import boto3; [boto3.client(name, region_name='eu-west-1') for name in {services}]"
    _run(_image("backend"), "python", "-c", make)


@pytest.mark.parametrize(("name", "port"), SERVED.items())
def test_a_server_becomes_healthy_and_leaves_in_good_order(name: str, port: int) -> None:
    image = _image(name)
    confined = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
    started = _docker("run", "--detach", *confined, "--health-interval", "2s", image).stdout.strip()
    try:
        wait_until(
            lambda: _docker("inspect", "-f", "{{.State.Health.Status}}", started).stdout.strip() == "healthy", 180
        )
        _docker("stop", "--time", "60", started)
        assert _docker("inspect", "-f", "{{.State.ExitCode}}", started).stdout.strip() in {"0", "143"}, "it was killed"
    finally:
        _docker("rm", "--force", "--volumes", started, check=False)


# ---- compose --------------------------------------------------------------------------------------------------------


class Compose:
    """The compose file under a project name and ports of its own."""

    def __init__(self) -> None:
        program = shutil.which("docker-compose")
        plugin = _docker("compose", "version", check=False).returncode == 0
        if not program and not plugin:
            pytest.skip("docker compose is not installed")
        self._program = ["docker", "compose"] if plugin else [str(program)]
        names = ("BACKEND_PORT", "FRONTEND_PORT", "AWS_BACKEND_PORT", "AWS_FRONTEND_PORT", "EMULATOR_PORT")
        ports, port = {}, 18700
        for name in names:
            port = free_port("127.0.0.1", port + 1)
            ports[name] = str(port)
        engine = os.environ.get("DOCKER_HOST", "")
        socket = engine.removeprefix("unix://") if engine.startswith("unix://") else "/var/run/docker.sock"
        self._environment = {
            "DOCKER_SOCKET": socket,
            **os.environ,
            **ports,
            "TAG": "local",
            "COMPOSE_PROJECT_NAME": f"reviewlens-test-{os.getpid()}",
        }
        self.backend, self.frontend = (f"http://127.0.0.1:{ports[name]}" for name in names[:2])
        self.on_aws = f"http://localhost:{ports['AWS_BACKEND_PORT']}"

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """What `docker compose ...` prints."""
        command = [*self._program, "--project-directory", str(ROOT), "--env-file", "/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment, timeout=600)
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def log_in(self) -> httpx.Client:
        """A browser that followed a fresh link."""
        link = self("exec", "-T", "backend", "python", "-m", "reviewlens", "link").strip()
        assert link.startswith(f"{self.backend}/session/start?token=")
        answer = httpx.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, self.frontend)
        return httpx.Client(
            base_url=self.backend,
            headers={"Authorization": f"Bearer {answer.cookies['reviewlens_access']}"},
            timeout=60,
        )

    def log_in_on_aws(self) -> httpx.Client:
        """The emulated account's owner, with the password that is shown once."""
        shown = re.search(r"Log in as (\S+) with the password (\S+) ", self("logs", "--no-log-prefix", "aws-account"))
        assert shown
        answer = httpx.post(f"{self.on_aws}/login", json={"username": shown[1], "password": shown[2]}, timeout=60)
        token = answer.raise_for_status().json()["access_token"]
        return httpx.Client(base_url=self.on_aws, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@pytest.fixture
def compose() -> Iterator[Compose]:
    _image("standalone")
    _image("frontend")
    composed = Compose()
    try:
        yield composed
    finally:
        composed("--profile", "aws", "down", "--volumes", "--timeout", "30", check=False)


@pytest.mark.slow
def test_from_the_first_start_to_a_dashboard_and_the_job_is_there_after_the_second(compose: Compose) -> None:
    compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "400")
    browser = compose.log_in()
    content = b"text,stars\nI love it and use it daily,5\nIt broke after a day,1\nGood value,4\nAwful,1\n"
    upload = browser.post("/uploads", params={"filename": "small.csv"}, content=content).raise_for_status().json()
    job = browser.post("/trigger_pipeline", json={"upload_id": upload["upload_id"]}).raise_for_status().json()
    job = _ended(browser, job["job_id"])
    assert job["state"] == "succeeded", job
    before = _dashboard(browser, job)
    assert httpx.get(f"{compose.frontend}/_stcore/health").text == "ok"
    compose("down", "--timeout", "60")
    compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "400")
    browser = compose.log_in()
    assert job["job_id"] in [each["job_id"] for each in browser.get("/jobs").raise_for_status().json()["jobs"]]
    assert _dashboard(browser, job) == before


@pytest.mark.slow
def test_on_the_emulated_aws_a_job_is_a_container_and_gives_the_same_bytes(compose: Compose) -> None:
    for name in ("backend", "pipeline", "emulator"):
        _image(name)
    compose(
        "--profile", "aws", "up", "--detach", "--no-build", "--wait", "--wait-timeout", "400", "aws-backend", "backend"
    )
    content = as_csv(review_rows(200))
    exported = []
    for someone, send in ((compose.log_in_on_aws(), _send_directly), (compose.log_in(), _send)):
        job = someone.post("/trigger_pipeline", json={"upload_id": send(someone, content)}).raise_for_status().json()
        job = _ended(someone, job["job_id"], 900)
        assert job["state"] == "succeeded", job
        assert _dashboard(someone, job)
        exported.append(someone.get(f"/jobs/{job['job_id']}/export").raise_for_status().content)
    assert exported[0] == exported[1]
    on_aws = compose.log_in_on_aws()
    upload = _send_directly(on_aws, as_csv(review_rows(20_000)))
    job = on_aws.post("/trigger_pipeline", json={"upload_id": upload}).raise_for_status().json()
    wait_until(lambda: _tasks("running"), 200)
    on_aws.post(f"/jobs/{job['job_id']}/cancel").raise_for_status()
    assert _ended(on_aws, job["job_id"])["state"] == "cancelled"
    wait_until(lambda: not _tasks("running"), 100)


def _send(someone: httpx.Client, content: bytes) -> str:
    answer = someone.post("/uploads", params={"filename": "reviews.csv"}, content=content).raise_for_status()
    return str(answer.json()["upload_id"])


def _send_directly(someone: httpx.Client, content: bytes) -> str:
    asked = {"filename": "reviews.csv", "size_bytes": len(content)}
    form = someone.post("/uploads/direct", json=asked).raise_for_status().json()
    httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=60).raise_for_status()
    someone.post(f"/uploads/{form['upload_id']}/complete").raise_for_status()
    return str(form["upload_id"])


def _tasks(status: str) -> list[str]:
    """Containers of jobs that the emulator has started, by their state."""
    return _docker("ps", "-aq", "--filter", "label=ministack=ecs", "--filter", f"status={status}").stdout.split()


def _dashboard(browser: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (
        browser.post("/generate_dashboard", json={"job_id": job["job_id"]}).raise_for_status().json()
    )
    return found


def _ended(browser: httpx.Client, job_id: str, seconds: float = 400) -> dict[str, Any]:
    def get() -> dict[str, Any]:
        found: dict[str, Any] = browser.get(f"/jobs/{job_id}").raise_for_status().json()
        return found

    wait_until(lambda: get()["state"] in {"succeeded", "failed", "cancelled"}, seconds)
    return get()
