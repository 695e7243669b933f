"""The programs that `up` starts and stops: free ports, waiting until they answer, an orderly end."""

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
from reviewlens.settings import child_environment


def free_port(host: str, wanted: int, taken: frozenset[int] = frozenset()) -> int:
    """The first port from `wanted` on that nothing listens on; TransientError after 100 tries."""
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
    """A program in a session of its own: Ctrl-C in the terminal reaches only `up`, which stops it in order."""

    name: str
    command: list[str]
    health_url: str
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, cwd: Path) -> None:
        """Start it; its output goes to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=cwd,
                env=child_environment(**self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def answers(self) -> bool:
        """Whether it answers its health address now."""
        try:
            return httpx.get(self.health_url, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.process.poll() if self.process else None

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def wait_until_ready(services: list[Service], seconds: float, tick: Callable[[], None]) -> None:
    """Until all answer; TransientError with the end of its log when one ends or none comes in time."""
    deadline = time.monotonic() + seconds
    waiting = list(services)
    while waiting:
        for service in list(waiting):
            code = service.ended()
            if code is not None:
                raise TransientError(
                    f"The {service.name} stopped as it started (exit code {code}):\n{service.last_words()}"
                )
            if service.answers():
                waiting.remove(service)
        if waiting and time.monotonic() > deadline:
            names = " and the ".join(service.name for service in waiting)
            raise TransientError(f"The {names} did not answer within {seconds:.0f} seconds:\n{waiting[0].last_words()}")
        tick()
        time.sleep(0.1)


def stop(pids: list[int], seconds: float) -> None:
    """SIGTERM, wait, and SIGKILL to what is still there."""
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
    """Which processes belong to this data folder, so that a start after a crash can end what was left over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, services: list[Service], **facts: str) -> None:
        """Remember the running services and where they listen."""
        pids = [service.process.pid for service in services if service.process]
        started = {str(pid): psutil.Process(pid).create_time() for pid in pids}
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"pids": started, **facts}))
        temporary.replace(self._path)

    def read(self) -> dict[str, object]:
        """What was last written, or nothing."""
        try:
            content = json.loads(self._path.read_text())
        except (OSError, json.JSONDecodeError):
            return {}
        return content if isinstance(content, dict) else {}

    def survivors(self) -> list[int]:
        """Process ids in it that still are the processes that were meant."""
        found = []
        pids = self.read().get("pids", {})
        for pid, started in pids.items() if isinstance(pids, dict) else []:
            with contextlib.suppress(psutil.Error):
                if abs(psutil.Process(int(pid)).create_time() - float(started)) < 1 and int(pid) != os.getpid():
                    found.append(int(pid))
        return found

    def clear(self) -> None:
        """Forget."""
        self._path.unlink(missing_ok=True)
