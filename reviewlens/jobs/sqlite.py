"""The job table in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from reviewlens.jobs.interface import BEING_DELETED, LIVE, UNFINISHED, UNLIMITED, Counts, Job, Jobs, JobState
from reviewlens.jobs.rules import (
    FIELDS,
    changed,
    check_finished,
    check_move,
    check_version,
    id_taken,
    no_such_job,
    over_limit,
    unfinished_states,
)
from reviewlens.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT NOT NULL, user TEXT NOT NULL, upload TEXT NOT NULL, filename TEXT NOT NULL, fingerprint TEXT NOT NULL,
    state TEXT NOT NULL, engine TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT NOT NULL, attempts INTEGER NOT NULL, handle TEXT NOT NULL,
    error TEXT NOT NULL, error_code TEXT NOT NULL, rows_read INTEGER NOT NULL, seconds REAL NOT NULL,
    version INTEGER NOT NULL, PRIMARY KEY (user, id), UNIQUE (user, fingerprint)
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_at);
CREATE INDEX IF NOT EXISTS jobs_by_id ON jobs (id);
"""


class SqliteJobTable:
    """A JobTable in one file on this machine, which several processes may open."""

    def __init__(self, database: Path) -> None:
        self._db = Database(database, _SCHEMA)

    def create(self, job: Job, *, most_jobs: int = UNLIMITED, most_unfinished: int = UNLIMITED) -> tuple[Job, bool]:
        """Insert, or return the user's job with the same fingerprint and False."""
        names = ", ".join(FIELDS)
        marks = ", ".join(f":{name}" for name in FIELDS)
        with self._db.transaction() as db:
            same = _same(db, job.user, job.fingerprint)
            if same:
                return same, False
            counts = _counts(db, job.user)
            if counts.jobs >= most_jobs or counts.unfinished >= most_unfinished:
                raise over_limit()
            try:
                db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", asdict(job))  # noqa: S608 - own names
            except sqlite3.IntegrityError as error:
                raise id_taken() from error
        return job, True

    def get(self, user: str, job_id: str) -> Job:
        """One job of this user."""
        with self._db.reading() as db:
            return _get(db, user, job_id)

    def find(self, user: str, fingerprint: str) -> Job | None:
        """The user's job with this fingerprint."""
        with self._db.reading() as db:
            return _same(db, user, fingerprint)

    def counts(self, user: str) -> Counts:
        """How many jobs the user has."""
        with self._db.reading() as db:
            return _counts(db, user)

    def in_states(self, states: Iterable[JobState], *, limit: int = UNLIMITED) -> Jobs:
        """All users' jobs in these unfinished states, oldest first."""
        wanted = unfinished_states(states)
        with self._db.reading() as db:
            rows = db.execute(
                f"SELECT * FROM jobs WHERE state IN ({_marks(wanted)}) ORDER BY created_at, id LIMIT ?",  # noqa: S608
                [*wanted, limit],
            ).fetchall()
        return [_job(row) for row in rows]

    def being_deleted(self) -> Jobs:
        """Finished jobs whose deletion has begun, oldest first."""
        with self._db.reading() as db:
            rows = db.execute("SELECT * FROM jobs WHERE error_code = ? ORDER BY id", (BEING_DELETED,)).fetchall()
        return [_job(row) for row in rows]

    def ahead(self, job: Job) -> int:
        """How many queued jobs were created before this one."""
        with self._db.reading() as db:
            row = db.execute("SELECT count(*) FROM jobs WHERE state = ? AND id < ?", (JobState.QUEUED, job.id))
            return int(row.fetchone()[0])

    def list(self, user: str, *, limit: int = 100, before: str = "") -> Jobs:
        """Newest first; ids sort by creation time, so a cursor stays valid when its job is deleted."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE user = ? AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
                (user, before, before, limit),
            ).fetchall()
        return [_job(row) for row in rows]

    def list_all(self, *, limit: int = 100, before: str = "") -> Jobs:
        """All users' jobs, newest first."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE ? = '' OR id < ? ORDER BY id DESC LIMIT ?", (before, before, limit)
            ).fetchall()
        return [_job(row) for row in rows]

    def claim(self, user: str, job_id: str, *, at_most: int, **changes: object) -> Job | None:
        """Move a queued job to RUNNING; None when `at_most` are running already."""
        with self._db.transaction() as db:
            job = _get(db, user, job_id)
            check_move(job, JobState.RUNNING, [JobState.QUEUED])
            live = sorted(LIVE)
            row = db.execute(f"SELECT count(*) FROM jobs WHERE state IN ({_marks(live)})", live)  # noqa: S608 - marks
            if row.fetchone()[0] >= at_most:
                return None
            return _write(db, changed(job, changes, JobState.RUNNING))

    def move(
        self,
        user: str,
        job_id: str,
        to: JobState,
        *,
        expect: Iterable[JobState] | None = None,
        if_version: int | None = None,
        **changes: object,
    ) -> Job:
        """Move along TRANSITIONS; ConflictError when the present state forbids it or is not in `expect`."""
        with self._db.transaction() as db:
            job = _get(db, user, job_id)
            check_version(job, if_version)
            check_move(job, to, expect)
            return _write(db, changed(job, changes, to))

    def update(self, user: str, job_id: str, *, if_version: int | None = None, **changes: object) -> Job:
        """Set fields other than those that identify a job and its state."""
        with self._db.transaction() as db:
            job = _get(db, user, job_id)
            check_version(job, if_version)
            return _write(db, changed(job, changes))

    def delete(self, user: str, job_id: str, *, if_version: int | None = None) -> None:
        """Delete a finished job."""
        with self._db.transaction() as db:
            job = _get(db, user, job_id)
            check_version(job, if_version)
            check_finished(job)
            db.execute("DELETE FROM jobs WHERE user = ? AND id = ?", (user, job_id))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _get(db: sqlite3.Connection, user: str, job_id: str) -> Job:
    row = db.execute("SELECT * FROM jobs WHERE user = ? AND id = ?", (user, job_id)).fetchone()
    if row is None:
        raise no_such_job()
    return _job(row)


def _same(db: sqlite3.Connection, user: str, fingerprint: str) -> Job | None:
    row = db.execute("SELECT * FROM jobs WHERE user = ? AND fingerprint = ?", (user, fingerprint)).fetchone()
    return _job(row) if row else None


def _counts(db: sqlite3.Connection, user: str) -> Counts:
    unfinished = sorted(UNFINISHED)
    row = db.execute(
        f"SELECT count(*), coalesce(sum(state IN ({_marks(unfinished)})), 0) FROM jobs WHERE user = ?",  # noqa: S608
        [*unfinished, user],
    ).fetchone()
    return Counts(*row)


def _write(db: sqlite3.Connection, job: Job) -> Job:
    """Write a row unless it was written since it was read, also by another connection."""
    sets = ", ".join(f"{name} = :{name}" for name in FIELDS)
    db.execute(
        f"UPDATE jobs SET {sets} WHERE user = :user AND id = :id AND version = :version - 1",  # noqa: S608 - own names
        asdict(job),
    )
    return _get(db, job.user, job.id)


def _marks(values: list[JobState]) -> str:
    return ", ".join("?" for _ in values)


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in FIELDS}
    return Job(**{**values, "state": JobState(values["state"])})
