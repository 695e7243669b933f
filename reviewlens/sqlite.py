"""A SQLite file that one process opens: one connection behind a lock, short transactions, errors in our own words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reviewlens.errors import ConfigurationError, TransientError

SCHEMA_VERSION = 1


class Database:
    """`transaction()` is the only way in: it holds the lock, commits at the end and rolls back on any exception."""

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found > SCHEMA_VERSION:
                raise ConfigurationError(
                    f"{path.name} was written by a newer ReviewLens; use that version or another data folder.",
                    code="database-too-new",
                )
            self._connection.executescript(schema)
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"{path.name} cannot be used as a database ({error}).", code="database-unusable"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction; TransientError when SQLite cannot do it now (locked, disk full, closed)."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                with suppress(sqlite3.Error):  # a commit that failed may leave its transaction open, in everybody's way
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise TransientError(
                    f"The database cannot be used right now ({error}).", code="database-unavailable"
                ) from error

    def close(self) -> None:
        """Close the file; later transactions raise TransientError."""
        with self._lock:
            self._connection.close()
