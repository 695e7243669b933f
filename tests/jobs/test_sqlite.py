"""The SQLite job table: the contract, and that it outlives its process."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from reviewlens import sqlite
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
    database._writer.connection.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(TransientError) as failed, database.transaction() as db:
        db.execute("INSERT INTO children VALUES (7)")  # its parent is looked for at the commit
    assert failed.value.code == "database-unavailable"
    with database.transaction() as db:
        db.execute("INSERT INTO parents VALUES (1)")
        assert db.execute("SELECT count(*) FROM children").fetchone()[0] == 0
    database.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the write lock of the database."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
def table(tmp_path, monkeypatch) -> Iterator[SqliteJobTable]:
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.05)
    table = SqliteJobTable(tmp_path / "jobs.db")
    yield table
    table.close()


def test_jobs_can_be_read_while_another_program_locks_the_table(table, tmp_path):
    job, _ = table.create(a_job())
    with locked(tmp_path / "jobs.db"):
        assert table.get(job.user, job.id) == job
        assert table.in_states([JobState.QUEUED]) == [job]
        assert table.list(job.user) == table.list_all() == [job]


def test_a_write_to_a_locked_table_fails_soon_and_succeeds_afterwards(table, tmp_path):
    job, _ = table.create(a_job())
    with locked(tmp_path / "jobs.db"):
        for _attempt in range(2):
            with pytest.raises(TransientError) as unavailable:
                table.move(job.user, job.id, JobState.RUNNING)
            assert unavailable.value.code == "database-unavailable"
    assert table.move(job.user, job.id, JobState.RUNNING).state is JobState.RUNNING
    assert table.update(job.user, job.id, handle="h").handle == "h"


def test_while_one_thread_waits_for_a_locked_table_all_others_fail_at_once(table, tmp_path, monkeypatch):
    """Else each of a hundred requests would hold a thread for its whole wait, one after the other."""
    job, _ = table.create(a_job())
    with ThreadPoolExecutor(1) as one:
        with locked(tmp_path / "jobs.db"):
            with pytest.raises(TransientError):
                table.move(job.user, job.id, JobState.RUNNING)
            table._db._writer.connection.execute("PRAGMA busy_timeout=600000")
            begun = threading.Event()
            table._db._writer.connection.set_trace_callback(lambda _: begun.set())
            waiting = one.submit(table.move, job.user, job.id, JobState.RUNNING)
            assert begun.wait(60)
            monkeypatch.setattr(sqlite, "WAIT_SECONDS", 60)  # nobody waits that long
            for _attempt in range(100):
                with pytest.raises(TransientError):
                    table.update(job.user, job.id, handle="h")
            assert not waiting.done()
        assert waiting.result(60).state is JobState.RUNNING


def test_a_thread_that_is_slow_makes_others_fail_and_not_wait(table):
    job, _ = table.create(a_job())
    with table._db.transaction():
        for _attempt in range(2):
            with pytest.raises(TransientError):
                table.update(job.user, job.id, handle="h")
    assert table.update(job.user, job.id, handle="h").handle == "h"


def test_a_full_disk_is_said(tmp_path):
    database = Database(tmp_path / "some.db", "CREATE TABLE IF NOT EXISTS texts (text TEXT);")
    pages = database._writer.connection.execute("PRAGMA page_count").fetchone()[0]
    database._writer.connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(TransientError) as full, database.transaction() as db:
        db.execute("INSERT INTO texts VALUES (zeroblob(1000000))")
    assert full.value.code == "disk-full"
    database.close()
