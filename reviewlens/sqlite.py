"""A SQLite file used by one process: a connection for writing and one for reading, short transactions, our errors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.private import make_private_folder, private_opener

SCHEMA_VERSION = 1
OPEN_SECONDS = 10.0
WAIT_SECONDS = 2.0
"""How long a transaction waits for another thread, and then again for another process."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Database:
    """All access is by `transaction()` and `reading()`.

    Readers do not wait for writers, also of other processes. Raises ConfigurationError: `database-too-new` or
    `database-unusable`.
    """

    def __init__(self, path: Path, schema: str) -> None:
        if not path.parent.is_dir():
            make_private_folder(path.parent)
        open(path, "ab", opener=private_opener).close()  # SQLite gives its other files the same mode
        try:
            self._writer = _Connection(path)
            connection = self._writer.connection
            connection.execute("PRAGMA journal_mode=WAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise ConfigurationError(
                    f"{path.name} was written by a newer ReviewLens version; use that version or another data folder.",
                    code="database-too-new",
                )
            connection.executescript(schema)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            self._reader = _Connection(path)
            self._reader.connection.execute("PRAGMA query_only=ON")
            for each in (self._writer, self._reader):
                each.connection.execute(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000:.0f}")
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"Cannot open the database {path.name} ({error}).", code="database-unusable"
            ) from error

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run a write transaction: commit at the end, roll back on any exception.

        TransientError when SQLite cannot run it now (`disk-full`, else `database-unavailable`). While another
        process locks the file, one thread waits and all others get the error at once, so that they do not pile up.
        """
        return self._writer.transaction("BEGIN IMMEDIATE")

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run a transaction that reads one state of the file; errors as for `transaction`."""
        return self._reader.transaction("BEGIN")

    def close(self) -> None:
        """Close the connections; later transactions raise TransientError."""
        self._reader.close()
        self._writer.close()


class _Connection:
    """One connection, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, timeout=OPEN_SECONDS, isolation_level=None, check_same_thread=False)
        self.connection.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        self._blocked = False

    @contextmanager
    def transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        if not self._lock.acquire(timeout=0 if self._blocked else WAIT_SECONDS):
            self._blocked = True
            raise _unavailable("another request or program uses it")
        try:
            self.connection.execute(begin)
            try:
                yield self.connection
            except BaseException:
                if self.connection.in_transaction:  # on a full disk SQLite has rolled it back already
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")
            self._blocked = False
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # a failed commit may leave the transaction open
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
            code: int = getattr(error, "sqlite_errorcode", 0)
            self._blocked = code & 0xFF in _BUSY
            if code == sqlite3.SQLITE_FULL:
                raise TransientError("The disk is full: free some space and try again.", code="disk-full") from error
            raise _unavailable(str(error)) from error
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            self.connection.close()


def _unavailable(cause: str) -> TransientError:
    return TransientError(f"The database is not available ({cause}); try again.", code="database-unavailable")
