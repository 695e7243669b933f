"""Detection in a child process: what a worker of the sandbox runs, and what its parent calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from reviewlens.contracts.detected import Detected
from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.contracts.tables import Sniffed
from reviewlens.reading.records import ReadLimits
from reviewlens.sandbox.pool import Sandbox
from reviewlens.settings import Settings

LocalFile = Callable[[], AbstractContextManager[Path]]
"""Makes a file available on this machine while the context lasts."""

_HERE = __name__
_MODULES = ("reviewlens.reading.sniff", "reviewlens.reading.detected")
_DETECTION = "reviewlens.reviews.languages:load"
_JOB_FACTOR = 10
_WAIT_FACTOR = 4
"""Seconds to wait for each second of CPU time: on a busy machine a process gets only a part of a processor."""


def new_sandbox(settings: Settings, size: int | None = None, *, detects: bool = True) -> Sandbox:
    """A sandbox for this module's functions; `size`: default as in the settings; `detects`: whether for detection."""
    return Sandbox(
        size=size or settings.parser_processes,
        memory_bytes=settings.parser_memory_mb << 20,
        wait_seconds=settings.parser_wait_seconds,
        preload=(*_MODULES, _DETECTION) if detects else _MODULES,
    )


def detection_seconds(settings: Settings, size_bytes: int) -> float:
    """The CPU time in which a file of this size must be examined."""
    return settings.parser_seconds + size_bytes / 1_000_000


def reading_seconds(settings: Settings, size_bytes: int) -> dict[str, float]:
    """The limits on time for a job that reads a file of this size, for `Worker.call`."""
    return _times(_JOB_FACTOR * detection_seconds(settings, size_bytes))


def _times(cpu_seconds: float) -> dict[str, float]:
    return {"cpu_seconds": cpu_seconds, "seconds": _WAIT_FACTOR * cpu_seconds}


class SandboxedReading:
    """Detects what files contain without parsing them in this process.

    Errors of all methods: those of the functions that they are named for, InputError `file-damaged` and
    `file-too-complex`, TransientError `parsers-busy`.
    """

    def __init__(
        self, sandbox: Sandbox, settings: Settings, languages: Callable[[], Sequence[str]] = lambda: MODEL_LANGUAGES
    ) -> None:
        """`languages`: those that the model reads."""
        self._sandbox = sandbox
        self._settings = settings
        self._languages = languages

    def sniff(
        self,
        source: LocalFile,
        filename: str,
        size_bytes: int,
        limits: ReadLimits,
        overrides: dict[str, Any] | None = None,
        *,
        uploaded: date | None = None,
    ) -> Sniffed:
        """See `reviewlens.reading.sniff.sniff`."""
        document = self._call(
            sniff_file,
            source,
            size_bytes,
            filename=filename,
            size_bytes=size_bytes,
            limits=asdict(limits),
            overrides=overrides,
            uploaded=uploaded.isoformat() if uploaded else None,
            languages=list(self._languages()),
        )
        return Sniffed.model_validate_json(document)

    def describe(self, source: LocalFile, sniffed: Sniffed, limits: ReadLimits) -> Detected:
        """See `reviewlens.reading.detected.describe`."""
        document = self._call(
            describe_file, source, sniffed.size_bytes, sniffed=sniffed.model_dump_json(), limits=asdict(limits)
        )
        return Detected.model_validate_json(document)

    def _call(self, function: Callable[..., bytes], source: LocalFile, of_bytes: int, /, **arguments: Any) -> bytes:
        times = _times(detection_seconds(self._settings, of_bytes))
        with self._sandbox.worker() as worker, source() as path:
            name = f"{_HERE}:{function.__name__}"
            return b"".join(worker.call(name, **times, path=str(path.absolute()), **arguments))


def _opener(path: str) -> Callable[[], BinaryIO]:
    def open_file() -> BinaryIO:
        return Path(path).open("rb")

    return open_file


def sniff_file(
    path: str,
    filename: str,
    size_bytes: int,
    limits: dict[str, int],
    overrides: dict[str, Any] | None,
    uploaded: str | None,
    languages: list[str],
) -> bytes:
    """Detect what the file at `path` contains; returns `Sniffed` as JSON. Runs in the worker."""
    from reviewlens.reading.sniff import sniff

    day = date.fromisoformat(uploaded) if uploaded else None
    bounds = ReadLimits(**limits)
    sniffed = sniff(_opener(path), filename, size_bytes, bounds, overrides, uploaded=day, languages=languages)
    return sniffed.model_dump_json().encode()


def describe_file(path: str, sniffed: str, limits: dict[str, int]) -> bytes:
    """Describe the file at `path`; returns `Detected` as JSON. Runs in the worker."""
    from reviewlens.reading.detected import describe

    described = describe(_opener(path), Sniffed.model_validate_json(sniffed), ReadLimits(**limits))
    return described.model_dump_json().encode()
