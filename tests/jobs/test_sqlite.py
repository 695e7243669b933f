"""The SQLite job table: the contract, and that it outlives its process."""

from __future__ import annotations

import pytest

from reviewlens.errors import TransientError
from reviewlens.jobs.interface import JobState
from reviewlens.jobs.sqlite import SqliteJobTable
from reviewlens.sqlite import Database
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


def test_a_commit_that_fails_does_not_block_those_that_follow(tmp_path):
    schema = """
    CREATE TABLE IF NOT EXISTS parents (id INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS children (parent INTEGER REFERENCES parents(id) DEFERRABLE INITIALLY DEFERRED);
    """
    database = Database(tmp_path / "some.db", schema)
    database._connection.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(TransientError) as failed, database.transaction() as db:
        db.execute("INSERT INTO children VALUES (7)")  # its parent is looked for at the commit
    assert failed.value.code == "database-unavailable"
    with database.transaction() as db:
        db.execute("INSERT INTO parents VALUES (1)")
        assert db.execute("SELECT count(*) FROM children").fetchone()[0] == 0
    database.close()
