"""A pool of worker processes that are started before they are needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from reviewlens.errors import TransientError
from reviewlens.sandbox.worker import Worker

MAX_CALLS = 200
"""Calls after which a worker is replaced, with whatever its parsers leak."""


class Sandbox:
    """At most `size` workers, each for one caller at a time; may be used from any thread.

    `preload`: modules that workers import at their start, and functions (`package.module:name`) that they call,
    before they may no longer write files. `wait_seconds`: how long a caller waits for a free worker.
    """

    def __init__(
        self, *, size: int, memory_bytes: int, wait_seconds: float = 10.0, preload: tuple[str, ...] = ()
    ) -> None:
        self._size = size
        self._memory_bytes = memory_bytes
        self._wait_seconds = wait_seconds
        self._preload = preload
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._ahead = False

    def start(self) -> None:
        """Start the workers, without waiting for them, and from now on replace them as soon as they end.

        Errors: TransientError `parsers-unavailable`.
        """
        with self._lock:
            self._ahead = True
            while len(self._idle) + len(self._busy) < self._size:
                self._idle.append(self._new())

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """A worker for one call. It is replaced if the call fails in any way that leaves doubt about the process.

        Errors: TransientError `parsers-busy` when none is free in time, `parsers-unavailable`.
        """
        if not self._free.acquire(timeout=self._wait_seconds):
            raise TransientError("Many files are being read at this moment; try again.", code="parsers-busy")
        try:
            worker = self._take()
            try:
                yield worker
            finally:
                self._give_back(worker)
        finally:
            self._free.release()

    def close(self) -> None:
        """End all workers, also busy ones, whose callers get errors. The next call starts new ones."""
        with self._lock:
            for worker in self._idle:
                worker.kill()
            for worker in self._busy:
                worker.end()
            self._ahead = False
            self._idle.clear()
            self._busy.clear()

    def _new(self) -> Worker:
        return Worker(memory_bytes=self._memory_bytes, preload=self._preload)

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    break
                worker.kill()
            else:
                worker = self._new()
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        fit = worker.idle and worker.alive and worker.calls < MAX_CALLS and worker.peak_bytes < self._memory_bytes / 2
        with self._lock:
            open_ = worker in self._busy  # else the pool was closed
            self._busy.discard(worker)
            if open_ and fit:
                self._idle.append(worker)
                return
            worker.kill()
            if open_ and self._ahead:
                self._idle.append(self._new())
