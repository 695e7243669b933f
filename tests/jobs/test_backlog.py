"""What the log says of jobs, which alarms outside are made of."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from reviewlens.errors import TransientError
from reviewlens.ids import new_id, now
from reviewlens.jobs.backlog import EVERY_SECONDS, Backlog
from reviewlens.jobs.interface import Job, JobState
from reviewlens.jobs.sqlite import SqliteJobTable


def facts(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.facts for record in caplog.records if hasattr(record, "facts")]


def job(number: int) -> Job:
    made = now()
    return Job(new_id(), "u1", "up", "a.csv", f"print-{number}", JobState.QUEUED, "textblob", made, made)


def test_it_counts_what_waits_and_what_runs_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    table, clock = SqliteJobTable(tmp_path / "jobs.db"), [1000.0]
    backlog = Backlog(table, clock=lambda: clock[0])
    made = [table.create(job(number))[0] for number in range(4)]
    table.move("u1", made[0].id, JobState.RUNNING)
    table.move("u1", made[1].id, JobState.RUNNING)
    table.move("u1", made[1].id, JobState.INTERRUPTED)
    backlog.log()
    backlog.log()
    assert facts(caplog) == [{"jobs_waiting": 3, "jobs_running": 1}]
    clock[0] += EVERY_SECONDS
    table.move("u1", made[0].id, JobState.SUCCEEDED)
    backlog.log()
    assert facts(caplog)[1:] == [{"jobs_waiting": 3, "jobs_running": 0}]
    table.close()


def test_a_table_that_cannot_be_read_is_silence(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def in_states(self, states: object, *, limit: int) -> list[Job]:
            raise TransientError("not now", code="aws-failed")

    caplog.set_level(logging.INFO)
    Backlog(Broken()).log()  # type: ignore[arg-type]
    assert facts(caplog) == []
