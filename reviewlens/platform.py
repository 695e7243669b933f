"""The composition root: from settings to one object that holds every adapter; the only place that picks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from reviewlens.contracts.tables import Sniffed
from reviewlens.errors import ConfigurationError
from reviewlens.identity.interface import IdentityProvider
from reviewlens.identity.local import LocalIdentity
from reviewlens.jobs.dispatcher import Dispatcher
from reviewlens.jobs.housekeeping import Housekeeping
from reviewlens.jobs.interface import JobTable
from reviewlens.jobs.service import JobService
from reviewlens.jobs.sqlite import SqliteJobTable
from reviewlens.launch.interface import Launcher
from reviewlens.launch.subprocess import SubprocessLauncher
from reviewlens.reviews.records import ReadLimits
from reviewlens.settings import Settings
from reviewlens.storage.factory import store_for_uri
from reviewlens.storage.interface import ObjectStore
from reviewlens.uploads.service import UploadService


@dataclass(frozen=True)
class Platform:
    """Everything a door needs. `local_users` is the user pool where it is our own, else None."""

    settings: Settings
    store: ObjectStore
    identity: IdentityProvider
    local_users: LocalIdentity | None
    table: JobTable
    launcher: Launcher
    uploads: UploadService
    jobs: JobService
    dispatcher: Dispatcher
    housekeeping: Housekeeping
    cache_dir: Path
    _lock: FileLock

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build it; ConfigurationError (`already-running`) when another process has this data folder open."""
        data = settings.data_dir.absolute()
        data.mkdir(parents=True, exist_ok=True)
        # Each backend has a data folder of its own; what several of them share lies behind the adapters.
        lock = FileLock(data / "backend.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ConfigurationError(
                f"Another ReviewLens backend is using {data}. Stop it, or give this one a folder of its own"
                " in REVIEWLENS_DATA_DIR.",
                code="already-running",
            ) from error
        try:
            store = store_for_uri(settings.store_uri)
            local_users = (
                LocalIdentity(data / "users.db", secrets_dir(settings), settings) if _local(settings) else None
            )
            identity = local_users or _cognito(settings)
            table = _table(settings)
            launcher = _launcher(settings)
        except BaseException:
            lock.release()
            raise
        uploads = UploadService(store, settings, _sniff)
        cache_dir = data / "cache"
        jobs = JobService(table, store, uploads, settings, cache_dir=cache_dir)
        dispatcher = Dispatcher(jobs, launcher)
        housekeeping = Housekeeping(jobs, uploads, cache_dir)
        return cls(
            settings,
            store,
            identity,
            local_users,
            table,
            launcher,
            uploads,
            jobs,
            dispatcher,
            housekeeping,
            cache_dir,
            lock,
        )

    def close(self) -> None:
        """Close the databases and let go of the data folder; the dispatcher must have stopped."""
        if self.local_users is not None:
            self.local_users.close()
        if isinstance(self.table, SqliteJobTable):
            self.table.close()
        self._lock.release()


def _local(settings: Settings) -> bool:
    return settings.identity == "local"


def _cognito(settings: Settings) -> IdentityProvider:
    from reviewlens.identity.cognito import CognitoIdentity  # AWS's client loads only where it is used

    return CognitoIdentity(settings)


def _table(settings: Settings) -> JobTable:
    if not settings.jobs_table:
        return SqliteJobTable(settings.data_dir.absolute() / "jobs.db")
    from reviewlens.jobs.dynamodb import DynamoJobTable

    return DynamoJobTable(settings.jobs_table)


def _launcher(settings: Settings) -> Launcher:
    if settings.launcher == "subprocess":
        return SubprocessLauncher(settings.data_dir.absolute() / "logs" / "jobs")
    from reviewlens.launch.fargate import FargateLauncher

    return FargateLauncher(settings)


def _sniff(
    open_source: Callable[[], Any],
    filename: str,
    size_bytes: int,
    limits: ReadLimits,
    overrides: dict[str, Any] | None = None,
) -> Sniffed:
    """The reading libraries are loaded with the first upload, not at the start."""
    from reviewlens.reviews.sniff import sniff

    return sniff(open_source, filename, size_bytes, limits, overrides)


def secrets_dir(settings: Settings) -> Path:
    """Where signing key and operator key are kept."""
    return settings.data_dir.absolute() / "secrets"
