"""The composition root: from settings to one object that makes every adapter; the only place that picks them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

from reviewlens.identity.interface import IdentityProvider
from reviewlens.identity.local import LocalIdentity
from reviewlens.jobs.interface import JobTable
from reviewlens.jobs.service import JobService
from reviewlens.jobs.sqlite import SqliteJobTable
from reviewlens.launch.interface import Launcher
from reviewlens.launch.subprocess import SubprocessLauncher
from reviewlens.lazy import lazy
from reviewlens.model.loading import languages_read
from reviewlens.predictor import Predictor
from reviewlens.reading.sandboxed import SandboxedReading, new_sandbox
from reviewlens.sandbox.pool import Sandbox
from reviewlens.settings import Settings
from reviewlens.storage.factory import store_for_uri
from reviewlens.storage.interface import ObjectStore
from reviewlens.uploads.service import UploadService

if TYPE_CHECKING:
    from reviewlens.insights.results import Results


class Platform:
    """The adapters and services of one process, each made when first used, so that a service opens only what it uses.

    Any number of platforms may use the same data folder, in one process or in several: writes to shared state are
    conditional. Jobs are started by a `reviewlens.worker.Worker`, of which there is one per data folder.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data_dir = settings.data_dir.absolute()
        self.cache_dir = self.data_dir / "cache"
        self.secrets_dir = self.data_dir / "secrets"

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A platform; opens nothing yet."""
        return cls(settings)

    @lazy
    def store(self) -> ObjectStore:
        """The object store."""
        return store_for_uri(self.settings.store_uri)

    @lazy
    def local_users(self) -> LocalIdentity | None:
        """The local user pool; None where users are kept elsewhere."""
        if self.settings.identity != "local":
            return None
        return LocalIdentity(self.data_dir / "users.db", self.secrets_dir, self.settings)

    @lazy
    def identity(self) -> IdentityProvider:
        """Verifies tokens and logs users in."""
        if self.local_users is not None:
            return self.local_users
        from reviewlens.identity.cognito import CognitoIdentity  # AWS's client loads only where it is used

        return CognitoIdentity(self.settings)

    @lazy
    def table(self) -> JobTable:
        """The job table."""
        if not self.settings.jobs_table:
            return SqliteJobTable(self.data_dir / "jobs.db")
        from reviewlens.jobs.dynamodb import DynamoJobTable

        return DynamoJobTable(self.settings.jobs_table)

    @lazy
    def launcher(self) -> Launcher:
        """Starts the tasks that work on jobs."""
        if self.settings.launcher == "subprocess":
            return SubprocessLauncher(self.data_dir / "logs" / "jobs")
        from reviewlens.launch.fargate import FargateLauncher

        return FargateLauncher(self.settings)

    @lazy
    def uploads(self) -> UploadService:
        """Receives and describes uploads."""
        languages = partial(languages_read, self.settings.engine, self.settings.model)
        reading = SandboxedReading(self.sandbox, self.settings, languages)
        return UploadService(self.store, self.settings, reading, cache_dir=self.cache_dir)

    @lazy
    def sandbox(self) -> Sandbox:
        """The processes that parse uploads; they start with the first one, or with `start()`."""
        return new_sandbox(self.settings)

    @lazy
    def jobs(self) -> JobService:
        """Submits, shows, cancels, retries and deletes jobs."""
        return JobService(self.table, self.store, self.uploads, self.settings, cache_dir=self.cache_dir)

    @lazy
    def predictor(self) -> Predictor:
        """Scores and explains single reviews in this process; call `load()` to load the model."""
        return Predictor(self.settings)

    def results(self, user: str, job_id: str) -> Results:
        """The outputs of this user's job, opened for questions.

        Raises NotFoundError (`job-not-found`), ConflictError (`job-not-succeeded`, `being-deleted`).
        """
        from reviewlens.insights.results import open_results  # loads Polars

        self.jobs.check_succeeded(user, job_id)
        return open_results(self.store, user, job_id, self.cache_dir)

    def close(self) -> None:
        """Close the databases that were opened, end the processes that parse uploads, and wait for a model that is
        loading. The next use opens them again."""
        opened = vars(self)
        if "sandbox" in opened:
            self.sandbox.close()
        if "predictor" in opened:
            self.predictor.settle()
        for database in (opened.get("local_users"), opened.get("table")):
            if isinstance(database, LocalIdentity | SqliteJobTable):
                database.close()
        for name in ("local_users", "identity", "table", "jobs"):
            opened.pop(name, None)
