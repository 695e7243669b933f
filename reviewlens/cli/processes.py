"""The processes that `up` starts and stops: free ports, waiting until they respond, an orderly stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from reviewlens.errors import TransientError
from reviewlens.private import private_folder, private_opener
from reviewlens.settings import child_environment


def free_port(host: str, wanted: int, taken: frozenset[int] = frozenset()) -> int:
    """The first free port from `wanted` on; TransientError after 100 tries."""
    for port in range(wanted, min(wanted + 100, 65536)):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port
    raise TransientError(
        f"No free port from {wanted} to {wanted + 99} on {host}; close some programs or set another port."
    )


@dataclass
class Service:
    """A process in a session of its own, so that Ctrl-C in the terminal reaches only `up`, which stops it."""

    name: str
    command: list[str]
    health_url: str
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, cwd: Path) -> None:
        """Start the process with its output in the log."""
        private_folder(self.log.parent)
        with open(self.log, "ab", opener=private_opener) as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=cwd,
                env=child_environment(**self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def responds(self) -> bool:
        """Whether the health check succeeds."""
        try:
            return httpx.get(self.health_url, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def exit_code(self) -> int | None:
        """The exit code; None while it runs or before it was started."""
        return self.process.poll() if self.process else None

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def wait_until_ready(services: list[Service], seconds: float, tick: Callable[[], None]) -> None:
    """Wait until all services respond. TransientError, with the end of a log, if one exits or the time is up."""
    deadline = time.monotonic() + seconds
    waiting = list(services)
    while waiting:
        for service in list(waiting):
            code = service.exit_code()
            if code is not None:
                raise TransientError(f"The {service.name} failed to start (exit code {code}):\n{service.log_tail()}")
            if service.responds():
                waiting.remove(service)
        if waiting and time.monotonic() > deadline:
            names = " and the ".join(service.name for service in waiting)
            raise TransientError(f"The {names} did not respond within {seconds:.0f} seconds:\n{waiting[0].log_tail()}")
        tick()
        time.sleep(0.1)


def stop(pids: list[int], seconds: float) -> None:
    """Send SIGTERM, wait, and kill the processes that still run."""
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


class RunFile:
    """Records the processes of this data folder, so that a start after a crash can stop those that were left over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, services: list[Service], **facts: str) -> None:
        """Record the running services and their addresses."""
        pids = [service.process.pid for service in services if service.process]
        started = {str(pid): psutil.Process(pid).create_time() for pid in pids}
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"pids": started, **facts}))
        temporary.replace(self._path)

    def read(self) -> dict[str, object]:
        """The last record; empty if there is none."""
        try:
            content = json.loads(self._path.read_text())
        except (OSError, json.JSONDecodeError):
            return {}
        return content if isinstance(content, dict) else {}

    def survivors(self) -> list[int]:
        """The recorded process ids that still belong to the same processes."""
        survivors = []
        pids = self.read().get("pids", {})
        for pid, started in pids.items() if isinstance(pids, dict) else []:
            with contextlib.suppress(psutil.Error):
                if abs(psutil.Process(int(pid)).create_time() - float(started)) < 1 and int(pid) != os.getpid():
                    survivors.append(int(pid))
        return survivors

    def clear(self) -> None:
        """Delete the record."""
        self._path.unlink(missing_ok=True)
