"""What one application holds besides its routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backend.web.bodies import Bodies
from backend.web.dashboards import DashboardCache
from backend.web.metrics import Metrics
from backend.web.readiness import Readiness
from backend.web.renewals import Renewals
from backend.web.threads import Threads
from reviewlens.identity.interface import Tokens
from reviewlens.identity.limiter import AtOnceLimiter, RateLimiter
from reviewlens.identity.private_files import operator_key
from reviewlens.jobs.interface import UNFINISHED, Jobs
from reviewlens.lazy import lazy
from reviewlens.platform import Platform
from reviewlens.settings import Settings
from reviewlens.storage.disk import check_free_space

PARTS = frozenset({"store", "jobs", "model"})
"""What a service may use."""


class Services:
    """The platform and what the web adds to it. `uses` names the parts that /readyz checks: some of `PARTS`."""

    def __init__(self, settings: Settings, uses: Iterable[str]) -> None:
        self.uses = frozenset(uses)
        if unknown := self.uses - PARTS:
            raise ValueError(f"unknown parts: {', '.join(sorted(unknown))}")
        self.platform = Platform.from_settings(settings)
        self.metrics = Metrics(self._unfinished_jobs if "jobs" in self.uses else None)
        self.dashboards = DashboardCache()
        self.threads = Threads()
        self.bodies = Bodies(settings.body_seconds)
        self.requests = RateLimiter(settings.requests_per_minute, "Too many requests; wait a little.")
        self.logins = RateLimiter(
            settings.login_attempts_per_minute,
            "Too many log-in attempts from this address; wait a little.",
            code="too-many-logins",
        )
        self.renewals = Renewals(self._refresh)
        self.at_once = AtOnceLimiter(
            settings.max_requests_at_once,
            "Too many of your requests are in progress; wait for one of them.",
            code="too-many-at-once",
        )
        self.uploads_at_once = AtOnceLimiter(
            settings.max_uploads_at_once,
            "Too many uploads arrive at once; wait for one of them.",
            code="too-many-uploads-at-once",
            in_all=self.threads.most_uploads,
        )
        self.predicts_at_once = AtOnceLimiter(
            settings.max_predicts_at_once,
            "Too many of your texts are being scored; wait for an earlier request.",
            code="too-many-predicts-at-once",
        )
        checks: dict[str, Callable[[], object]] = {
            "disk": lambda: check_free_space(self.platform.data_dir, settings.min_free_bytes),
            "store": lambda: self.platform.store.head("readyz"),
            "jobs": lambda: self.platform.table.in_states([]),
            "model": self.platform.predictor.check,
        }
        self.readiness = Readiness({name: check for name, check in checks.items() if name in self.uses | {"disk"}})

    @lazy
    def operator_key(self) -> str:
        """The key of the operator's routes, from the settings or the data folder."""
        return self.platform.settings.operator_key or operator_key(self.platform.secrets_dir)

    def open(self) -> None:
        """Open what the service uses, so that it fails at the start and not at the first request; start to load the
        model. Raises ConfigurationError, TransientError."""
        _ = self.platform.identity, self.operator_key
        if "store" in self.uses:
            _ = self.platform.store
            self.platform.sandbox.start()
        if "jobs" in self.uses:
            _ = self.platform.jobs
        if "model" in self.uses:
            self.platform.predictor.load()

    def close(self) -> None:
        """Close what was opened."""
        self.platform.close()

    def _refresh(self, refresh_token: str) -> Tokens:
        return self.platform.identity.refresh(refresh_token)

    def _unfinished_jobs(self) -> Jobs:
        return self.platform.table.in_states(UNFINISHED)
