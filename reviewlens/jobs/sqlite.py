"""The job table in SQLite: every write names the state and version it expects to find."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path

from reviewlens.errors import ConflictError, NotFoundError
from reviewlens.jobs.interface import TRANSITIONS, UNFINISHED, Job, Jobs, JobState
from reviewlens.sqlite import Database

_FIELDS = [field.name for field in fields(Job)]
_FIXED = frozenset({"id", "user", "state", "version", "created_at", "updated_at"})
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
    """A JobTable in one file that one process opens."""

    def __init__(self, database: Path) -> None:
        self._db = Database(database, _SCHEMA)

    def create(self, job: Job) -> tuple[Job, bool]:
        """Insert, or answer the user's job of the same fingerprint and False."""
        row = asdict(job)
        marks = ", ".join(f":{name}" for name in _FIELDS)
        with self._db.transaction() as db:
            same = db.execute(
                "SELECT * FROM jobs WHERE user = ? AND fingerprint = ?", (job.user, job.fingerprint)
            ).fetchone()
            if same:
                return _job(same), False
            try:
                db.execute(f"INSERT INTO jobs ({', '.join(_FIELDS)}) VALUES ({marks})", row)  # noqa: S608 - own names
            except sqlite3.IntegrityError as error:
                raise ConflictError("There is a job of this id already.", code="job-exists") from error
        return job, True

    def get(self, user: str, job_id: str) -> Job:
        """One job of this user."""
        with self._db.transaction() as db:
            return _get(db, user, job_id)

    def in_states(self, states: Iterable[JobState]) -> list[Job]:
        """All users' jobs in these states, oldest first."""
        wanted = [str(state) for state in states]
        marks = ", ".join("?" for _ in wanted)
        with self._db.transaction() as db:
            rows = db.execute(
                f"SELECT * FROM jobs WHERE state IN ({marks}) ORDER BY created_at, id",  # noqa: S608 - only marks
                wanted,
            ).fetchall()
        return [_job(row) for row in rows]

    def list(self, user: str, *, limit: int = 100, before: str = "") -> list[Job]:
        """Newest first; ids sort by the time they were made, so a cursor holds even when its job is deleted."""
        with self._db.transaction() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE user = ? AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
                (user, before, before, limit),
            ).fetchall()
        return [_job(row) for row in rows]

    def list_all(self, *, limit: int = 100, before: str = "") -> Jobs:
        """Everybody's jobs, newest first."""
        with self._db.transaction() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE ? = '' OR id < ? ORDER BY id DESC LIMIT ?", (before, before, limit)
            ).fetchall()
        return [_job(row) for row in rows]

    def move(
        self, user: str, job_id: str, to: JobState, *, expect: Iterable[JobState] | None = None, **changes: object
    ) -> Job:
        """Move along TRANSITIONS; ConflictError when the present state is not expected or forbids it."""
        with self._db.transaction() as db:
            job = _get(db, user, job_id)
            if to not in TRANSITIONS[job.state] or (expect is not None and job.state not in set(expect)):
                raise ConflictError(
                    f"The job is {job.state} and cannot become {to}.",
                    code="job-state",
                    details={"state": str(job.state)},
                )
            return _write(db, job, {**_allowed(changes), "state": str(to)})

    def update(self, user: str, job_id: str, **changes: object) -> Job:
        """Set fields other than id, user, state."""
        with self._db.transaction() as db:
            return _write(db, _get(db, user, job_id), _allowed(changes))

    def delete(self, user: str, job_id: str) -> None:
        """Delete a job that is finished."""
        with self._db.transaction() as db:
            job = _get(db, user, job_id)
            if job.state in UNFINISHED:
                raise ConflictError("The job is not finished; cancel it first.", code="job-not-finished")
            db.execute("DELETE FROM jobs WHERE user = ? AND id = ?", (user, job_id))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _get(db: sqlite3.Connection, user: str, job_id: str) -> Job:
    row = db.execute("SELECT * FROM jobs WHERE user = ? AND id = ?", (user, job_id)).fetchone()
    if row is None:
        raise NotFoundError("There is no such job.", code="job-not-found")
    return _job(row)


def _allowed(changes: dict[str, object]) -> dict[str, object]:
    unknown = set(changes) - (set(_FIELDS) - _FIXED)
    if unknown:
        raise TypeError(f"cannot set {', '.join(sorted(unknown))}")
    return changes


def _write(db: sqlite3.Connection, job: Job, changes: dict[str, object]) -> Job:
    """Write what changed on condition that nobody wrote since `job` was read (also true across connections)."""
    values = {**changes, "updated_at": datetime.now(UTC).isoformat(timespec="milliseconds"), "version": job.version + 1}
    sets = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(
        f"UPDATE jobs SET {sets} WHERE user = :_user AND id = :_id AND version = :_version",  # noqa: S608 - own names
        {**values, "_user": job.user, "_id": job.id, "_version": job.version},
    )
    return _get(db, job.user, job.id)


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in _FIELDS}
    return Job(**{**values, "state": JobState(values["state"])})
