"""Starts a job's task as a process of its own, which outlives whoever started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

import reviewlens
from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.launch.interface import TaskState, TaskStatus

_CLOCK_SLACK_SECONDS = 1.0
_KEPT_LOGS = 200


def default_command() -> list[str]:
    """`sentiment-pipeline/run_all.py` beside the library where it is present, else the library's own entry point."""
    script = Path(reviewlens.__file__).resolve().parents[1] / "sentiment-pipeline" / "run_all.py"
    return [sys.executable, str(script)] if script.is_file() else [sys.executable, "-m", "reviewlens.pipeline"]


class SubprocessLauncher:
    """A handle is JSON: process id, start time and spec URI, so that another process with that id is told apart.

    The task runs in a session of its own (Ctrl-C in a terminal does not reach it) and writes to a file under `logs`.
    """

    def __init__(self, logs: Path, command: Sequence[str] | None = None) -> None:
        self._logs = logs
        self._command = list(command) if command is not None else default_command()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._exits: dict[str, TaskStatus] = {}
        self._lock = threading.Lock()

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start the task; TransientError when the machine cannot now, ConfigurationError without a program."""
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            self._drop_old_logs()
            with (self._logs / _log_name(spec_uri)).open("ab") as output:
                child = subprocess.Popen(
                    [*self._command, "--spec", spec_uri],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (FileNotFoundError, PermissionError) as error:
            raise ConfigurationError(
                f"The job's program cannot be started ({error.strerror}); check the installation.",
                code="launch-impossible",
            ) from error
        except OSError as error:
            raise TransientError(
                f"A job cannot be started right now ({error.strerror}).", code="launch-failed"
            ) from error
        started = psutil.Process(child.pid).create_time()
        handle = json.dumps({"pid": child.pid, "started": started, "spec": spec_uri})
        with self._lock:
            self._children[handle] = child
        return handle

    def status(self, handle: str) -> TaskStatus:
        """EXITED with its code while this launcher started it; after a restart RUNNING or GONE."""
        with self._lock:
            child = self._children.get(handle)
            if child is None:
                gone = TaskStatus(TaskState.RUNNING if _find(handle) else TaskState.GONE)
                return self._exits.get(handle, gone)
            code = child.poll()
            if code is None:
                return TaskStatus(TaskState.RUNNING)
            _end_stragglers(child.pid)
            reason = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self._exits[handle] = TaskStatus(TaskState.EXITED, code, reason)
            del self._children[handle]
            return self._exits[handle]

    def stop(self, handle: str) -> None:
        """SIGTERM to the task's own process alone: it brings its helpers down itself after committing what it has."""
        process = _find(handle)
        if process is not None:
            try:
                process.terminate()
            except psutil.NoSuchProcess:
                pass  # it went by itself in this very moment

    def kill(self, handle: str) -> None:
        """SIGKILL to the task's process and all that it started."""
        process = _find(handle)
        if process is None:
            return
        try:
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return  # it went by itself in this very moment
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()

    def _drop_old_logs(self) -> None:
        newest_first = sorted(self._logs.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[_KEPT_LOGS:]:
            path.unlink(missing_ok=True)


def _log_name(spec_uri: str) -> str:
    """The job's id: the folder that the spec lies in."""
    folder = spec_uri.rstrip("/").split("/")[-2:][0]
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in folder)[:100] + ".log"


def _find(handle: str) -> psutil.Process | None:
    """The handle's process if it still runs.

    Start times shift when the clock is set, so the spec among its arguments counts as well.
    """
    try:
        task = json.loads(handle)
        process = psutil.Process(task["pid"])
        same_start = abs(process.create_time() - task["started"]) <= _CLOCK_SLACK_SECONDS
        if process.status() != psutil.STATUS_ZOMBIE and (same_start or task["spec"] in process.cmdline()):
            return process
    except (psutil.Error, ValueError, KeyError, TypeError):
        pass
    return None


def _end_stragglers(group: int) -> None:
    """End what the finished leader of this group left running (no new process gets a living group's id)."""
    if not psutil.pid_exists(group):
        try:
            os.killpg(group, signal.SIGTERM)
        except OSError:
            pass  # nobody is left, as it should be
