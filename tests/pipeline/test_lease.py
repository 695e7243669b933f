"""One runner per job."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reviewlens.errors import TransientError
from reviewlens.pipeline import lease as lease_module
from reviewlens.pipeline.control import Interrupted, LeaseLost
from reviewlens.pipeline.lease import Lease
from reviewlens.storage.local import LocalObjectStore
from tests.timing import FakeClock, wait_until

KEY = "work/lease.json"


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(lease_module, "time", clock)
    return clock


def held_elsewhere(store: LocalObjectStore, beats: int = 0) -> None:
    holder = {"owner": "x", "machine": "another/1/0", "pid": 1, "started": 0.0, "beats": beats}
    store.put(KEY, json.dumps(holder).encode())


def test_taken_kept_and_given_back(store: LocalObjectStore) -> None:
    lease = Lease(store, KEY, 0.3)
    lease.acquire()
    before = store.head(KEY)
    assert before is not None

    def renewed() -> bool:
        now = store.head(KEY)
        return now is not None and now.etag != before.etag

    wait_until(renewed)
    lease.confirm()
    lease.release()
    assert store.head(KEY) is None


def test_a_second_runner_is_kept_out_at_once(store: LocalObjectStore, clock: FakeClock) -> None:
    first = Lease(store, KEY, 30)
    first.acquire()
    began = clock.now
    with pytest.raises(Interrupted) as caught:
        Lease(store, KEY, 30).acquire()
    assert caught.value.code == "job-leased"
    assert clock.now == began, "it did not wait"
    first.confirm()
    first.release()


def test_of_two_at_once_one_gets_it(store: LocalObjectStore) -> None:
    leases = [Lease(store, KEY, 30) for _ in range(4)]
    won: list[Lease] = []

    def take(lease: Lease) -> None:
        try:
            lease.acquire()
            won.append(lease)
        except Interrupted:
            pass

    threads = [threading.Thread(target=take, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].release()


def test_the_lease_of_a_process_that_died_here_is_taken_at_once(
    store: LocalObjectStore, clock: FakeClock, tmp_path: Path
) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from reviewlens.pipeline.lease import Lease; from reviewlens.storage.local import LocalObjectStore\n"
        f"Lease(LocalObjectStore(Path(sys.argv[1])), '{KEY}', 30).acquire(); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert store.head(KEY) is not None
    began = clock.now
    lease = Lease(store, KEY, 30)
    lease.acquire()
    assert clock.now == began, "it did not wait"
    lease.release()


def test_a_silent_holder_elsewhere_is_waited_for_and_then_replaced(store: LocalObjectStore, clock: FakeClock) -> None:
    held_elsewhere(store)
    began = clock.now
    lease = Lease(store, KEY, 60)
    lease.acquire()
    assert 60 <= clock.now - began < 61
    lease.release()


def test_a_beating_holder_elsewhere_keeps_its_job(store: LocalObjectStore) -> None:
    held_elsewhere(store)
    threading.Timer(0.3, held_elsewhere, (store, 1)).start()
    with pytest.raises(Interrupted):
        Lease(store, KEY, 5).acquire()


def test_a_holder_elsewhere_that_leaves_meanwhile_frees_it(store: LocalObjectStore) -> None:
    held_elsewhere(store)
    threading.Timer(0.2, store.delete, (KEY,)).start()
    lease = Lease(store, KEY, 20)
    lease.acquire()
    lease.release()


def test_a_damaged_lease_counts_as_held_elsewhere(store: LocalObjectStore) -> None:
    store.put(KEY, b"{")
    lease = Lease(store, KEY, 0.3)
    lease.acquire()
    lease.release()


def test_who_lost_it_notices_before_committing(store: LocalObjectStore) -> None:
    lease = Lease(store, KEY, 0.3)
    lease.acquire()
    held_elsewhere(store)
    wait_until(lambda: lease._lost)  # the next heartbeat finds it
    with pytest.raises(LeaseLost):
        lease.confirm()
    lease.release()
    assert store.head(KEY) is not None, "another's lease is left alone"


def test_a_runner_that_slept_through_its_lease_asks_before_it_commits(
    store: LocalObjectStore, clock: FakeClock
) -> None:
    lease = Lease(store, KEY, 60)
    lease.acquire()
    held_elsewhere(store)
    lease.confirm()  # fresh: the store is not asked
    clock.now += 61
    with pytest.raises(LeaseLost):
        lease.confirm()
    lease.release()


def test_a_store_that_fails_for_a_moment_does_not_end_the_heartbeat(
    store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(store, KEY, 0.3)
    lease.acquire()
    real = store.put
    failures = [0]

    def failing(*arguments: object, **options: object) -> object:
        failures[0] += 1
        if failures[0] < 3:
            raise TransientError("not now")
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "put", failing)
    wait_until(lambda: failures[0] >= 3)
    lease.confirm()
    lease.release()
