"""What is done unasked: broken-off deletions are ended, uploads that never came whole go, and so do unused copies."""

from __future__ import annotations

import os
import time

import pytest

from reviewlens.jobs import housekeeping as module
from reviewlens.jobs import service
from reviewlens.jobs.housekeeping import Housekeeping
from tests.timing import FakeClock, wait_until

DAY = 24 * 3600


@pytest.fixture
def clock():
    return FakeClock(0.0)


@pytest.fixture
def house(harness, clock):
    return Housekeeping(harness.service, harness.uploads, harness.folder / "cache", clock=clock)


def leave_an_upload(harness, name: str) -> None:
    """One whose backend was killed, the day before yesterday."""
    harness.store.put(f"uploads/u1/{name}/original", b"half of")
    then = time.time() - 2 * DAY
    os.utime(harness.folder / "objects" / "uploads" / "u1" / name / "original", (then, then))


def leave_a_copy(harness, *, age: float) -> None:
    folder = harness.folder / "cache" / "u1" / "job" / "served.parquet" / ("0" * 32)
    (folder / "objects").mkdir(parents=True, exist_ok=True)
    (folder / "objects" / "part").write_bytes(b"rows")
    os.utime(folder, (time.time() - age, time.time() - age))


def test_each_thing_is_done_at_once_and_then_when_it_is_due(harness, house, clock, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(service, "DELETION_SECONDS", 0.0)
    monkeypatch.setattr(harness.service, "delete", harness.table.delete)

    def leave() -> None:
        job = harness.succeed()
        harness.table.update("u1", job, error_code="being-deleted")
        leave_an_upload(harness, job)
        leave_a_copy(harness, age=2 * DAY)

    def left() -> tuple[int, int, bool]:
        uploads = [key for key in harness.stored() if key.startswith("uploads/") and "info.json" not in key]
        broken = sum(key.replace("original", "info.json") not in harness.stored() for key in uploads)
        return len(harness.table.being_deleted()), broken, (harness.folder / "cache" / "u1" / "job").exists()

    leave()
    house.tick()
    assert left() == (0, 0, False)
    assert "deletions finished: 1" in caplog.text
    leave()
    house.tick()
    assert left() == (1, 1, True)
    clock.now = module.DELETIONS_EVERY_SECONDS
    house.tick()
    assert left() == (0, 1, True)
    clock.now = module.COPIES_EVERY_SECONDS
    house.tick()
    assert left() == (0, 1, False)
    clock.now = module.UPLOADS_EVERY_SECONDS
    house.tick()
    assert left() == (0, 0, False)


def test_trouble_with_one_thing_holds_up_no_other(harness, house, monkeypatch, caplog):
    harness.table.close()
    monkeypatch.setattr(module, "evict_unused", lambda *_, **__: 1 / 0)
    leave_an_upload(harness, "broken")
    house = Housekeeping(harness.service, harness.uploads, harness.folder / "cache")
    house.tick()
    assert harness.stored() == []
    assert "deletions finished: failed (database-unavailable)" in caplog.text
    assert "local copies deleted: failed" in caplog.text


def test_the_thread_works_and_stops(harness, house):
    leave_an_upload(harness, "broken")
    house.start()
    wait_until(lambda: not harness.stored())
    house.stop()
    assert not house._thread.is_alive()
    leave_an_upload(harness, "later")
    house.tick()
    assert len(harness.stored()) == 1


def test_one_that_was_never_started_can_be_stopped(house):
    house.stop()
