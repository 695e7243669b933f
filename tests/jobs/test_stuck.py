"""Tasks that hang: told apart from slow ones, ended, and their jobs taken up again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from reviewlens.contracts.keys import JobKeys
from reviewlens.jobs import dispatcher as dispatcher_module
from reviewlens.jobs import watch as watch_module
from reviewlens.jobs.interface import JobState
from reviewlens.launch.subprocess import SubprocessLauncher
from reviewlens.settings import Settings
from tests.jobs.conftest import JobHarness
from tests.summaries import summary_of
from tests.timing import FakeClock, wait_until

# Heeds no request to stop and writes its progress for ever, with no row more; where it is told to, only at first.
HANGS = f"""
import json, pathlib, signal, sys, time, urllib.parse
signal.signal(signal.SIGTERM, signal.SIG_IGN)
folder = pathlib.Path(urllib.parse.unquote(sys.argv[-1].removeprefix("file://"))).parent
before = folder / "hung-before"
if before.exists() and "once" in sys.argv:
    (folder / "inference_summary.json").write_text(json.dumps({summary_of()!r}))
    sys.exit(0)
before.write_text("")
while True:
    written = folder / "progress.tmp"
    written.write_text(json.dumps({{"stage": "infer", "rows_done": 5, "updated_at": str(time.time())}}))
    written.rename(folder / "progress.json")
    time.sleep(0.05)
"""


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(dispatcher_module, "_LONGEST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(watch_module, "time", clock)
    return clock


def real(folder: Path, *, attempts: int, how: str) -> JobHarness:
    settings = Settings(data_dir=folder, engine="textblob", stuck_job_seconds=1, max_attempts=attempts)
    script = folder / "hangs.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(HANGS)
    return JobHarness(
        folder, settings, launcher=SubprocessLauncher(folder / "logs", [sys.executable, str(script), how])
    )


def tick_until(harness: JobHarness, job: str, state: JobState) -> list[int]:
    """The ids of the processes that worked on the job."""
    pids: list[int] = []

    def reached() -> bool:
        harness.dispatcher.tick()
        handle = harness.table.get("u1", job).handle
        if handle and json.loads(handle)["pid"] not in pids:
            pids.append(json.loads(handle)["pid"])
        return harness.state(job) is state

    wait_until(reached)
    return pids


def test_a_real_process_that_hangs_is_ended_and_its_job_goes_on(tmp_path, no_pause):
    harness = real(tmp_path / "data", attempts=5, how="once")
    job = harness.submit()
    pids = tick_until(harness, job, JobState.SUCCEEDED)
    row = harness.table.get("u1", job)
    assert (row.attempts, row.rows_read, len(pids)) == (2, 2, 2)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    harness.table.close()


def test_one_that_hangs_every_time_fails_in_the_end_and_lets_the_next_job_start(tmp_path, no_pause):
    harness = real(tmp_path / "data", attempts=2, how="always")
    job, waiting = harness.submit(), harness.submit()
    pids = tick_until(harness, job, JobState.FAILED)
    assert harness.table.get("u1", job).error_code == "interrupted-too-often"
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)
    tick_until(harness, waiting, JobState.RUNNING)
    harness.launcher.kill(harness.table.get("u1", waiting).handle)
    harness.table.close()


def test_a_task_that_gets_on_is_left_alone_however_long_it_takes(harness, clock):
    job, handle = harness.run()
    keys = JobKeys("u1", job)
    limit = harness.settings.stuck_job_seconds
    harness.dispatcher.tick()
    for done in range(5):
        clock.now += limit - 1
        harness.write(keys.progress, {"stage": "read", "rows_done": done})
        harness.dispatcher.tick()
    harness.write(keys.progress, {"stage": "clean", "rows_done": 4})
    clock.now += limit - 1
    harness.dispatcher.tick()
    clock.now += limit
    harness.dispatcher.tick()
    assert harness.launcher.killed == []
    harness.write(keys.progress, {"stage": "clean", "rows_done": 4, "updated_at": "later"})
    clock.now += 1
    harness.dispatcher.tick()
    assert harness.launcher.killed == [handle]
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.INTERRUPTED


def test_a_task_that_never_says_anything_is_ended_too(harness, clock):
    _, handle = harness.run()
    harness.dispatcher.tick()
    clock.now += harness.settings.stuck_job_seconds + 1
    harness.dispatcher.tick()
    assert harness.launcher.killed == [handle]


def test_each_attempt_has_the_whole_time(harness, clock, no_pause):
    job, handle = harness.run()
    harness.dispatcher.tick()
    clock.now += harness.settings.stuck_job_seconds
    harness.launcher.end(handle, -9)
    harness.dispatcher.tick()
    clock.now += harness.settings.stuck_job_seconds
    harness.dispatcher.tick()
    harness.dispatcher.tick()
    assert (harness.state(job), harness.launcher.killed) == (JobState.RUNNING, [])
