"""Tasks that run on the Spark that all tests share: their processes hand the job to this process and start no Spark."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from reviewlens.pipeline.runner import run_spec
from reviewlens.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HAND_OVER = """
import signal, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: connection.sendall(b"stop\\n"))
connection.sendall(sys.argv[-1].encode() + b"\\n")
sys.exit(int(connection.makefile().readline() or 137))
"""


def python_with_task(task: list[str], program: str) -> list[str]:
    """A command that runs a Python program in which a job's task is the command `task`."""
    code = f"from reviewlens.launch import subprocess\nsubprocess.default_command = lambda: {task!r}\n{program}"
    return [sys.executable, "-c", code]


class SharedSparkTasks:
    """Takes jobs from processes that run `command` and answers each with its exit code; one job runs at a time."""

    def __init__(self, settings: Settings, spark: SparkSession, folder: Path) -> None:
        self._settings = settings
        self._spark = spark
        self.turn = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._path = str(folder / "tasks.sock")
        self._listener.bind(self._path)
        self._listener.listen()
        self.started = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def command(self) -> list[str]:
        """A task's program; the spec's URI is its last argument. SIGTERM stops the job as it stops a real task."""
        return [sys.executable, "-S", "-c", _HAND_OVER, self._path]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stop = threading.Event()
        with connection, connection.makefile("rw") as lines:
            spec_uri = lines.readline().strip()
            self.started += 1

            def listen() -> None:
                lines.readline()  # the request to stop, or the end of the process
                stop.set()

            threading.Thread(target=listen, daemon=True).start()
            with self.turn:
                code = run_spec(spec_uri, self._settings, stop=stop, session=self._spark)
            with contextlib.suppress(OSError):
                connection.sendall(f"{code}\n".encode())

    def close(self) -> None:
        """Take no more jobs."""
        self._listener.close()
