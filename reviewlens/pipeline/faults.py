"""What a failed job reports: a cause in words, a place in the code for the log, and never a review's text."""

from __future__ import annotations

import errno
import re
import traceback

from reviewlens.errors import ReviewLensError, TerminalError, TransientError

_FULL = re.compile(r"no space left on device|disk quota exceeded|not enough space", re.IGNORECASE)
_MEMORY = re.compile(
    r"outofmemoryerror|java heap space|cannot allocate memory|unable to create native thread", re.IGNORECASE
)
_KILLED = re.compile(r"python worker exited unexpectedly|connection to python worker|worker.*crashed", re.IGNORECASE)
_SPARK_GONE = ("Py4JNetworkError", "Py4JError", "ConnectionRefusedError", "ConnectionResetError")
_SILENT = "(Java does not answer)"
_FRAME = re.compile(r'^\s*File "([^"]+)", line (\d+), in (\S+)', re.MULTILINE)


def explain(error: BaseException) -> ReviewLensError:
    """The error itself if it is one of ours, else one that names the likely cause."""
    if isinstance(error, ReviewLensError):
        return error
    messages = " ".join(_message(link) for link in _chain(error))
    if _FULL.search(messages) or any(
        isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT) for link in _chain(error)
    ):
        return TransientError("The disk is full: free some space and start the job again.", code="disk-full")
    if _MEMORY.search(messages) or any(isinstance(link, MemoryError) for link in _chain(error)):
        return TransientError(
            "Memory ran out: close other programs, lower REVIEWLENS_WORKERS, or raise REVIEWLENS_DRIVER_MEMORY_MB.",
            code="out-of-memory",
        )
    if _KILLED.search(messages):
        return TransientError(
            "A scoring process was killed, most likely because memory ran out: lower REVIEWLENS_WORKERS.",
            code="worker-lost",
        )
    if _SILENT in messages or any(type(link).__name__ in _SPARK_GONE for link in _chain(error)):
        return TransientError(
            "Spark was killed, most likely because memory ran out: close other programs and start the job again.",
            code="spark-lost",
        )
    return TerminalError(
        "An internal error occurred. Your file is unchanged; start the job again, and report it if it fails again.",
        code="internal-error",
    )


def places(error: BaseException) -> list[str]:
    """Where an error happened: types and lines of code, also from Spark's workers, without any message."""
    lines: list[str] = []
    for link in _chain(error):
        lines.append(type(link).__name__)
        lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(link.__traceback__)]
        lines += [f"{file}:{line} {name}" for file, line, name in _FRAME.findall(_message(link))]
    return lines[:200]


def _message(error: BaseException) -> str:
    """An error's message. Errors from Java ask the JVM for it, which fails once the JVM has stopped."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - any failure means the same
        return _SILENT


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain
