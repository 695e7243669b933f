"""`./run up`: the backend and the UI on this machine, a log-in link, and on the first start the example."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape

from reviewlens.cli.operator import LOCAL_USER, Client, Operator
from reviewlens.cli.processes import RunFile, Service, free_port, stop, wait_until_ready
from reviewlens.cli.progress import job_progress
from reviewlens.cli.signals import StopRequested, stop_on_signals
from reviewlens.errors import ConfigurationError, ConflictError, ReviewLensError, TransientError
from reviewlens.jobs.interface import UNFINISHED, JobState
from reviewlens.jobs.views import JobView
from reviewlens.private import FILE_MODE, make_private_folder
from reviewlens.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "reviews.csv"
STOP_SECONDS = 60


def run_up(console: Console) -> int:
    """Run until Ctrl-C. Returns exit code 0 after an orderly stop; raises TransientError if a service exits."""
    settings = Settings()
    data = settings.data_dir.resolve()
    run_file = RunFile(data / "up.json")
    lock = FileLock(data / "up.lock", mode=FILE_MODE)
    try:
        if not data.is_dir():
            make_private_folder(data)
        lock.acquire(timeout=0)
    except Timeout:
        where = run_file.read().get("frontend", "the address it printed")
        raise ConflictError(f"ReviewLens is already running on this data folder, at {where}.") from None
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {data} cannot be written ({error.strerror}). Make it writable, or set"
            " REVIEWLENS_DATA_DIR to another folder."
        ) from error
    services: list[Service] = []
    try:
        with stop_on_signals(), lock:
            leftovers = run_file.survivors()
            if leftovers:
                console.print("Stopping processes of an earlier start …")
                stop(leftovers, STOP_SECONDS)
            services = _services(settings, data)
            return _serve(console, settings.model_copy(update={"data_dir": data}), services, run_file)
    except StopRequested:
        return 0
    finally:
        if any(service.exit_code() is None for service in services):
            console.print("\nStopping … (a running job keeps its progress and resumes at the next start)")
        stop([service.process.pid for service in reversed(services) if service.process], STOP_SECONDS)
        run_file.clear()


def _services(settings: Settings, data: Path) -> list[Service]:
    backend_port = free_port(settings.host, settings.backend_port)
    frontend_port = free_port(settings.host, settings.frontend_port, frozenset({backend_port}))
    address = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    backend, frontend = f"http://{address}:{backend_port}", f"http://{address}:{frontend_port}"
    environment = {
        "DATA_DIR": str(data),
        "BACKEND_PORT": str(backend_port),
        "FRONTEND_PORT": str(frontend_port),
        "BACKEND_URL": backend,
        "PUBLIC_FRONTEND_URL": settings.public_frontend_url if "PUBLIC_FRONTEND_URL" in _given(settings) else frontend,
    }
    streamlit = [sys.executable, "-m", "streamlit", "run", str(ROOT / "frontend" / "streamlit_app.py")]
    options = {
        "server.address": settings.host,
        "server.port": str(frontend_port),
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    for name, value in options.items():
        streamlit += [f"--{name}", value]
    logs = data / "logs"
    return [
        Service("backend", [sys.executable, "-m", "backend"], f"{backend}/healthz", logs / "backend.out", environment),
        Service("user interface", streamlit, f"{frontend}/_stcore/health", logs / "frontend.out", environment),
    ]


def _given(settings: Settings) -> set[str]:
    return {name.upper() for name in settings.model_fields_set}


def _serve(console: Console, settings: Settings, services: list[Service], run_file: RunFile) -> int:
    with console.status("Starting the backend and the user interface …"):
        for service in services:
            service.start(ROOT)
        urls = {
            "backend": services[0].environment["BACKEND_URL"],
            "frontend": services[0].environment["PUBLIC_FRONTEND_URL"],
        }
        run_file.write(services, **urls)
        wait_until_ready(services, 120, lambda: None)
    _welcome(console, settings, urls)
    while True:
        for service in services:
            code = service.exit_code()
            if code is not None:
                raise TransientError(
                    f"The {service.name} exited unexpectedly (exit code {code}):\n{service.log_tail()}"
                )
        time.sleep(0.5)


def _welcome(console: Console, settings: Settings, urls: dict[str, str]) -> None:
    """Print how to log in: with a link for local users, else at the log-in page."""
    if settings.identity != "local":
        where = f"Open {urls['frontend']} and log in. Press Ctrl-C to stop."
        console.print(f"\n[bold]ReviewLens is running.[/] {where}", soft_wrap=True)
        return
    operator = Operator.of(settings, urls["backend"])
    try:
        analyse_example(console, Client(operator.url, operator.access_token(LOCAL_USER)))
    except ReviewLensError as error:
        console.print(f"[yellow]The example could not be analysed:[/] {escape(error.message)}")
    console.print("\n[bold]ReviewLens is running.[/] Open this link; it logs you in and works once:\n")
    console.print(f"    {operator.login_link(LOCAL_USER)}\n", soft_wrap=True, markup=False)
    console.print(f"Later: {urls['frontend']} (you stay logged in). Press Ctrl-C to stop.", soft_wrap=True)


def analyse_example(console: Console, client: Client) -> None:
    """If the user has no job yet, analyse the example file and wait for the result."""
    if client.call("GET", "/jobs", params={"limit": 1})["jobs"] or not EXAMPLE.exists():
        return
    console.print("First start: analysing the example file for a first dashboard.", soft_wrap=True)
    upload = client.upload(EXAMPLE)
    job = JobView.model_validate(client.call("POST", "/trigger_pipeline", json={"upload_id": upload["upload_id"]}))
    with job_progress(console) as show:
        while job.state in UNFINISHED:
            time.sleep(0.3)
            job = JobView.model_validate(client.call("GET", f"/jobs/{job.job_id}"))
            show(job.progress)
    if job.state is not JobState.SUCCEEDED:
        raise TransientError(job.error or f"the job was {job.state}")
