"""Many may ask whether it is ready; what it needs is asked once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.web import readiness
from backend.web.readiness import Readiness
from reviewlens.errors import TransientError


def test_many_who_ask_at_once_make_one_look() -> None:
    looks: list[int] = []
    ready = Readiness({"store": lambda: looks.append(1)})
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ready.outcomes(), range(200)))
    assert answers == [{"store": "ok"}] * 200
    assert len(looks) == 1


def test_what_changes_is_seen_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_GOOD_FOR_SECONDS", 0.0)
    gone = threading.Event()

    def store() -> None:
        if gone.is_set():
            raise TransientError("The bucket does not answer.", code="aws-unreachable")

    ready = Readiness({"store": store})
    assert ready.outcomes() == {"store": "ok"}
    gone.set()
    assert ready.outcomes() == {"store": "aws-unreachable"}
    gone.clear()
    assert ready.outcomes() == {"store": "ok"}


def test_a_look_that_hangs_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_GOOD_FOR_SECONDS", 0.0)
    hangs, looked = threading.Event(), threading.Event()

    def store() -> None:
        if looked.is_set():
            assert hangs.wait(60)
        looked.set()

    ready = Readiness({"store": store})
    assert ready.outcomes() == {"store": "ok"}
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ready.outcomes)
        while not ready._checking.locked():
            pass
        assert ready.outcomes() == {"store": "ok"}
        assert not slow.done()
        hangs.set()
        assert slow.result(60) == {"store": "ok"}
