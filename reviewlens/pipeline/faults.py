"""What to tell when a job fails: a cause in words for people, a place in the code for us, and never a review's text."""

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
    """The error itself where it was raised on purpose, else one that says the cause as far as it is known."""
    if isinstance(error, ReviewLensError):
        return error
    said = " ".join(_said(one) for one in _chain(error))
    if _FULL.search(said) or any(
        isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in _chain(error)
    ):
        return TransientError("The disk is full: free some space and start the job again.", code="disk-full")
    if _MEMORY.search(said) or any(isinstance(one, MemoryError) for one in _chain(error)):
        return TransientError(
            "Memory ran out: close other programs, lower REVIEWLENS_WORKERS, or raise REVIEWLENS_DRIVER_MEMORY_MB.",
            code="out-of-memory",
        )
    if _KILLED.search(said):
        return TransientError(
            "A scoring process was ended from outside, most likely because memory ran out: lower REVIEWLENS_WORKERS.",
            code="worker-lost",
        )
    if _SILENT in said or any(type(one).__name__ in _SPARK_GONE for one in _chain(error)):
        return TransientError(
            "Spark was ended from outside, most likely because memory ran out: close other programs and start the job "
            "again.",
            code="spark-lost",
        )
    return TerminalError(
        "Something went wrong inside ReviewLens. Your file is unharmed; start the job again, and report it if it fails "
        "once more.",
        code="internal-error",
    )


def places(error: BaseException) -> list[str]:
    """Where it happened: kinds of error and lines of code, also from inside Spark's workers, without any message."""
    found: list[str] = []
    for one in _chain(error):
        found.append(type(one).__name__)
        found += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(one.__traceback__)]
        found += [f"{file}:{line} {name}" for file, line, name in _FRAME.findall(_said(one))]
    return found[:200]


def _said(error: BaseException) -> str:
    """An error's message. Errors from Java ask Java for theirs, which fails once that has gone."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - any failure to tell means the same
        return _SILENT


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain
