"""One worker process, as its parent sees it."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import reviewlens
from reviewlens.errors import InputError, LimitError, NotFoundError, ReviewLensError, TransientError
from reviewlens.sandbox.frames import Kind, read_frame, write_frame
from reviewlens.settings import bare_environment

_log = logging.getLogger(__name__)
START_SECONDS = 60
_PIPE_BYTES = 1 << 20  # so that a worker reads ahead while its parent writes what it has read
_ERRORS: dict[str, type[ReviewLensError]] = {kind.__name__: kind for kind in (InputError, LimitError, NotFoundError)}
_OUT_OF_TIME = -signal.SIGXCPU
_OUT_OF_MEMORY = (
    1,
    -signal.SIGKILL,
)  # MemoryError; what the kernel sends when memory runs out, and we to a hanging one
_ADVICE = "Open it in the program that it comes from, save it as CSV, and upload that."


class Worker:
    """Starts its process when made, without waiting for it. `call` is for one thread at a time."""

    def __init__(self, *, memory_bytes: int, preload: tuple[str, ...]) -> None:
        self.calls = 0
        self.peak_bytes = 0
        """The most memory that the process has used."""
        self.idle = True
        """Whether the last call has ended in order."""
        self._ready = False
        self._closed = False
        command = [sys.executable, "-P", "-m", "reviewlens.sandbox", f"--memory-bytes={memory_bytes}"]
        try:
            self._process = subprocess.Popen(
                [*command, f"--preload={','.join(preload)}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pipesize=_PIPE_BYTES,
                stderr=subprocess.DEVNULL,  # a parser's last words may quote the file
                env=bare_environment(
                    PYTHONPATH=str(Path(reviewlens.__file__).resolve().parents[1]),
                    # Arrow's own allocator and the system's arenas reserve address space that the limit would count.
                    ARROW_DEFAULT_MEMORY_POOL="system",
                    MALLOC_ARENA_MAX="2",
                    OMP_NUM_THREADS="1",
                    OPENBLAS_NUM_THREADS="1",
                ),
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which ends its workers
            )
        except OSError as error:
            raise _unavailable() from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def call(self, function: str, *, seconds: float, cpu_seconds: float, **arguments: Any) -> Iterator[bytes]:
        """Yield what `function` (`package.module:name`) returns (bytes) or yields for these JSON arguments.

        `seconds`: the longest wait for each of its messages. A caller that stops early must `kill` the worker.
        Errors: the function's InputError, LimitError and NotFoundError; NotFoundError for a file that is missing;
        InputError `file-damaged` when it raises anything else or the process dies, `file-too-complex` when it runs out
        of time or memory; TransientError `parsers-unavailable` when the process cannot start.
        """
        self._wait_until_ready()
        self.calls += 1
        self.idle = False
        request = {"function": function, "arguments": arguments, "cpu_seconds": cpu_seconds}
        with suppress(OSError):  # it is gone: reading from it says so
            write_frame(self._stdin, Kind.REQUEST, json.dumps(request).encode())
        while True:
            kind, data = self._read(seconds)
            if kind is Kind.MESSAGE:
                yield data
                continue
            self.idle = True
            if kind is Kind.DONE:
                self.peak_bytes = int(json.loads(data)["peak_bytes"])
                return
            raise _error(json.loads(data))

    def end(self) -> None:
        """End the process while another thread may be in a call, which raises TransientError."""
        self._closed = True
        self._process.kill()

    def kill(self) -> None:
        """End the process and forget it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._stdin, self._stdout):
            with suppress(OSError):  # what is left in the buffer cannot be sent
                stream.close()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        try:
            frame = read_frame(self._stdout.fileno(), START_SECONDS)
        except TimeoutError:
            frame = None
        if frame is None or frame[0] is not Kind.READY:
            self.kill()
            raise _unavailable()
        self._ready = True

    def _read(self, seconds: float) -> tuple[Kind, bytes]:
        try:
            frame = read_frame(self._stdout.fileno(), seconds)
        except TimeoutError:
            frame = None
        if frame is not None:
            return frame
        self._process.kill()  # it hangs, or has closed its output only
        code = self._process.wait()
        if self._closed:
            raise _unavailable()
        _log.warning("a file ended its parser", extra={"facts": {"exit_code": code}})
        if code == _OUT_OF_TIME or code in _OUT_OF_MEMORY:
            raise too_complex()
        raise _damaged()


def too_complex() -> InputError:
    """The error for a file that needs more time or memory than a worker has."""
    return InputError(
        "Reading this file takes too long or needs too much memory: it is damaged, or made to be too large."
        f" {_ADVICE} For a large file that is in order, raise parser_memory_mb or parser_seconds.",
        code="file-too-complex",
    )


def _damaged() -> InputError:
    return InputError(
        f"This file cannot be read: it is damaged, or made to be too large. {_ADVICE}", code="file-damaged"
    )


def _unavailable() -> TransientError:
    return TransientError("No process can be started to read the file; try again.", code="parsers-unavailable")


def _error(document: dict[str, Any]) -> ReviewLensError:
    if document["kind"] == "missing":
        return NotFoundError("The file no longer exists.")
    if (kind := _ERRORS.get(document["kind"])) is not None:
        return kind(document["message"], code=document["code"], details=document["details"])
    _log.error("a parser failed", extra={"facts": {"types": document.get("types"), "frames": document.get("frames")}})
    return _damaged()
