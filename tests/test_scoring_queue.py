"""The scoring queue: who goes first, who is dropped, and what happens when it is full or closed."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError

import pytest

from reviewlens.errors import RateLimitError
from reviewlens.scoring_queue import ScoringQueue
from tests.timing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> Iterator[ScoringQueue]:
    queue = ScoringQueue(most_waiting=3, now=clock)
    yield queue
    queue.close(60)


class Gate:
    """A request whose first step waits until `open` is set; `reached` says that the step runs."""

    def __init__(self) -> None:
        self.open, self.reached = threading.Event(), threading.Event()

    def steps(self) -> Generator[None, None, None]:
        self.reached.set()
        self.open.wait(60)
        yield

    def holds(self, queue: ScoringQueue) -> Gate:
        queue.submit(self.steps(), 0)
        self.reached.wait(60)
        return self


def request(name: str, log: list[str], steps: int = 1) -> Generator[None, None, str]:
    for number in range(steps):
        log.append(f"{name}{number}")
        if number + 1 < steps:
            yield
    return name


def test_a_small_request_passes_a_large_one_that_waits(queue):
    gate, log = Gate().holds(queue), []
    large = queue.submit(request("large", log, 2), 1000)
    small = queue.submit(request("small", log), 1)
    gate.open.set()
    assert (large.result(60), small.result(60)) == ("large", "small")
    assert log == ["small0", "large0", "large1"]


def test_a_small_request_passes_a_large_one_between_its_batches(queue):
    started, goes_on, log = threading.Event(), threading.Event(), []

    def large() -> Generator[None, None, None]:
        log.append("large0")
        started.set()
        goes_on.wait(60)
        yield
        log.append("large1")

    late = queue.submit(large(), 1000)
    started.wait(60)
    queue.submit(request("small", log), 1)
    goes_on.set()
    late.result(60)
    assert log == ["large0", "small0", "large1"]


def test_a_large_request_does_not_wait_for_ever(queue, clock):
    gate, log = Gate().holds(queue), []
    queue.submit(request("large", log), 1000)
    clock.now += 50
    small = queue.submit(request("small", log), 1)
    gate.open.set()
    small.result(60)
    assert log == ["large0", "small0"]


def test_an_abandoned_request_is_never_scored_and_makes_room(queue):
    gate, log = Gate().holds(queue), []
    waiting = [queue.submit(request(f"r{n}", log), 1) for n in range(3)]
    with pytest.raises(RateLimitError) as full:
        queue.submit(request("one too many", log), 1)
    assert (full.value.code, full.value.retry_after_seconds) == ("too-many-waiting", 5)
    waiting[0].cancel()
    last = queue.submit(request("r3", log), 1)
    gate.open.set()
    last.result(60)
    assert log == ["r10", "r20", "r30"]


def test_a_request_abandoned_between_two_batches_is_scored_no_further(queue):
    started, goes_on, log = threading.Event(), threading.Event(), []

    def large() -> Generator[None, None, None]:
        started.set()
        goes_on.wait(60)
        yield
        log.append("scored on")

    abandoned = queue.submit(large(), 1000)
    started.wait(60)
    abandoned.cancel()
    after = queue.submit(request("after", log), 2000)
    goes_on.set()
    after.result(60)
    assert log == ["after0"]


def test_a_result_that_comes_too_late_is_dropped(queue):
    gate = Gate()

    def fails() -> Generator[None, None, None]:
        gate.reached.set()
        gate.open.wait(60)
        raise ValueError("nobody asks")
        yield

    for steps in (gate.steps(), fails()):
        gate.reached.clear()
        future = queue.submit(steps, 1)
        gate.reached.wait(60)
        future.cancel()
        gate.open.set()
        assert queue.submit(request("next", []), 1).result(60) == "next"
        gate.open.clear()


def test_an_error_reaches_who_waits_and_stops_nobody_else(queue):
    def fails() -> Generator[None, None, None]:
        raise ValueError("this text breaks the engine")
        yield

    with pytest.raises(ValueError, match="breaks"):
        queue.submit(fails(), 1).result(60)
    assert queue.submit(request("next", []), 1).result(60) == "next"


def test_a_closed_queue_cancels_what_waits_and_starts_again_when_asked(queue):
    gate, log = Gate().holds(queue), []
    waiting = queue.submit(request("waiting", log), 1)
    closing = threading.Thread(target=queue.close, args=(60,))
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(60)
    gate.open.set()
    closing.join(60)
    assert queue.submit(request("again", log), 1).result(60) == "again"
    assert log == ["again0"]
