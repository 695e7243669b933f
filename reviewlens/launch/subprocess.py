"""Starts a job's task as a separate process, which keeps running when the caller exits."""

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
from reviewlens.launch.handles import job_id_of
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.private import private_folder, private_opener

_CLOCK_TOLERANCE_SECONDS = 1.0
_MAX_LOGS = 200
NICENESS = 10
"""A job takes all processors that are free; what people wait for goes first."""


def default_command() -> list[str]:
    """Return the command for `sentiment-pipeline/run_all.py` if it exists, else for the library's own entry point."""
    script = Path(reviewlens.__file__).resolve().parents[1] / "sentiment-pipeline" / "run_all.py"
    return [sys.executable, str(script)] if script.is_file() else [sys.executable, "-m", "reviewlens.pipeline"]


class SubprocessLauncher:
    """Handles are JSON with process id, start time and spec URI, which identify the process even if its id is reused.

    A task runs at a low priority and in its own session, so that Ctrl-C in a terminal does not reach it. It logs to a
    file in `logs`.
    """

    def __init__(self, logs: Path, command: Sequence[str] | None = None) -> None:
        self._logs = logs
        self._command = list(command) if command is not None else default_command()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._exits: dict[str, TaskStatus] = {}
        self._lock = threading.Lock()

    def start(self, spec_uri: str, *, input_bytes: int = 0) -> str:
        """Start the task; TransientError when the machine cannot start it now, ConfigurationError without a program."""
        try:
            private_folder(self._logs)
            self._delete_old_logs()
            with open(self._logs / _log_name(spec_uri), "ab", opener=private_opener) as output:
                child = subprocess.Popen(
                    [*self._command, "--spec", spec_uri],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (FileNotFoundError, PermissionError) as error:
            raise ConfigurationError(
                f"Cannot start the job's program ({error.strerror}); check the installation.",
                code="launch-impossible",
            ) from error
        except OSError as error:
            raise TransientError(
                f"The job cannot be started right now ({error.strerror}).", code="launch-failed"
            ) from error
        process = psutil.Process(child.pid)
        process.nice(max(NICENESS, psutil.Process().nice()))  # before the task starts threads, which inherit it
        started = process.create_time()
        handle = json.dumps({"pid": child.pid, "started": started, "spec": spec_uri})
        with self._lock:
            self._children[handle] = child
        return handle

    def status(self, handle: str) -> TaskStatus:
        """EXITED with the exit code if this launcher started the task; after a restart RUNNING or GONE."""
        with self._lock:
            child = self._children.get(handle)
            if child is None:
                status = TaskStatus(TaskState.RUNNING if _running_process(handle) else TaskState.GONE)
                return self._exits.get(handle, status)
            code = child.poll()
            if code is None:
                return TaskStatus(TaskState.RUNNING)
            _terminate_group(child.pid)
            reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self._exits[handle] = TaskStatus(TaskState.EXITED, code, reason)
            del self._children[handle]
            return self._exits[handle]

    def stop(self, handle: str) -> None:
        """Send SIGTERM to the task's main process, which commits its slices and then stops its child processes."""
        process = _running_process(handle)
        if process is not None:
            with suppress(psutil.NoSuchProcess):  # it has just exited
                process.terminate()

    def kill(self, handle: str) -> None:
        """Send SIGKILL to the task's process and all its descendants."""
        process = _running_process(handle)
        if process is None:
            return
        try:
            processes = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return  # it has just exited
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.kill()

    def _delete_old_logs(self) -> None:
        newest_first = sorted(self._logs.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[_MAX_LOGS:]:
            path.unlink(missing_ok=True)


def _log_name(spec_uri: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in job_id_of(spec_uri))[:100] + ".log"


def _running_process(handle: str) -> psutil.Process | None:
    """Return the handle's process if it still runs.

    Start times shift when the clock is set, so the spec among the process's arguments also identifies it.
    """
    try:
        task = json.loads(handle)
        process = psutil.Process(task["pid"])
        same_start = abs(process.create_time() - task["started"]) <= _CLOCK_TOLERANCE_SECONDS
        if process.status() != psutil.STATUS_ZOMBIE and (same_start or task["spec"] in process.cmdline()):
            return process
    except (psutil.Error, ValueError, KeyError, TypeError):
        pass
    return None


def _terminate_group(group: int) -> None:
    """Terminate the processes that the group's exited leader left (no new process gets the id of a live group)."""
    if not psutil.pid_exists(group):
        with suppress(OSError):  # the group is empty
            os.killpg(group, signal.SIGTERM)
