"""A SQLite file used by one process: one connection behind a lock, short transactions, ReviewLens errors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reviewlens.errors import ConfigurationError, TransientError

SCHEMA_VERSION = 1


class Database:
    """All access is by `transaction()`, which holds the lock, commits at the end and rolls back on any exception.

    Raises ConfigurationError: `database-too-new` or `database-unusable`.
    """

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise ConfigurationError(
                    f"{path.name} was written by a newer ReviewLens version; use that version or another data folder.",
                    code="database-too-new",
                )
            self._connection.executescript(schema)
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"Cannot open the database {path.name} ({error}).", code="database-unusable"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a write transaction; TransientError when SQLite cannot run it now (locked, disk full, closed)."""
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
                with suppress(sqlite3.Error):  # a failed commit may leave the transaction open
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise TransientError(
                    f"The database is not available ({error}); try again.", code="database-unavailable"
                ) from error

    def close(self) -> None:
        """Close the connection; later transactions raise TransientError."""
        with self._lock:
            self._connection.close()
