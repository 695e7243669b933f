"""A queue of scoring requests before one thread: small requests pass large ones, cancelled ones are dropped."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reviewlens.errors import RateLimitError

Result = TypeVar("Result")
_SECONDS_PER_TEXT = 0.05
_RETRY_AFTER_SECONDS = 5


@dataclass(order=True)
class _Request:
    due: float
    number: int
    steps: Generator[None, None, Any] = field(compare=False)
    future: Future[Any] = field(compare=False)


class ScoringQueue:
    """Runs requests step by step in one thread, which scores with as many processors as the engine uses.

    A request is a generator: each of its steps scores a batch. Before every step the request that is due first goes
    on. A request is due when it arrived, plus 0.05 seconds for each of its texts. So a small request passes a large one
    that arrived before, even while that is being scored, but a large one does not wait for ever.

    A request whose future is cancelled is dropped at the next step. At most `most_waiting` requests may wait.
    """

    def __init__(self, most_waiting: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._most_waiting = most_waiting
        self._now = now
        self._requests: list[_Request] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def submit(self, steps: Generator[None, None, Result], texts: int) -> Future[Result]:
        """Queue a request that scores `texts` texts; its future has what the generator returns or raises.

        Raises RateLimitError (`too-many-waiting`) when the queue is full.
        """
        future: Future[Result] = Future()
        with self._changed:
            self._requests = [each for each in self._requests if not each.future.cancelled()]
            heapq.heapify(self._requests)
            if len(self._requests) >= self._most_waiting:
                raise RateLimitError(
                    "Too many texts wait to be scored; try again in a few seconds.",
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                    code="too-many-waiting",
                )
            due = self._now() + texts * _SECONDS_PER_TEXT
            heapq.heappush(self._requests, _Request(due, next(self._numbers), steps, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
                self._thread.start()
            self._changed.notify()
        return future

    def close(self, wait_seconds: float) -> None:
        """Cancel what waits, and wait for the step that runs now. A later `submit` starts a new thread."""
        with self._changed:
            for request in self._requests:
                request.future.cancel()
            self._requests.clear()
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join(wait_seconds)

    def _run(self) -> None:
        while (request := self._next()) is not None:
            if request.future.cancelled():
                request.steps.close()
                continue
            try:
                next(request.steps)
            except StopIteration as end:
                if request.future.set_running_or_notify_cancel():
                    request.future.set_result(end.value)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets the error
                if request.future.set_running_or_notify_cancel():
                    request.future.set_exception(error)
            else:
                self._put_back(request)

    def _next(self) -> _Request | None:
        """The request that is due first, as soon as there is one; None when this thread is no longer wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._requests or self._thread is not threading.current_thread())
            if self._thread is not threading.current_thread():
                return None
            return heapq.heappop(self._requests)

    def _put_back(self, request: _Request) -> None:
        with self._changed:
            if self._thread is threading.current_thread():
                heapq.heappush(self._requests, request)
            else:
                request.future.cancel()
