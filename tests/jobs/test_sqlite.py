"""The SQLite job table: the contract, and that it outlives its process."""

from __future__ import annotations

import pytest

from reviewlens.errors import TransientError
from reviewlens.jobs.interface import JobState
from reviewlens.jobs.sqlite import SqliteJobTable
from tests.jobs.contract import JobTableContract, a_job


class TestContract(JobTableContract):
    @pytest.fixture
    def table(self, tmp_path):
        table = SqliteJobTable(tmp_path / "jobs.db")
        yield table
        table.close()


def test_jobs_survive_a_restart(tmp_path):
    table = SqliteJobTable(tmp_path / "jobs.db")
    job, _ = table.create(a_job())
    moved = table.move(job.user, job.id, JobState.RUNNING, handle="h")
    table.close()
    with pytest.raises(TransientError):
        table.get(job.user, job.id)
    again = SqliteJobTable(tmp_path / "jobs.db")
    assert again.get(job.user, job.id) == moved
    again.close()
