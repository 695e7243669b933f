"""Prometheus metrics of one application: requests, latencies, jobs, reviews scored."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reviewlens.jobs.interface import UNFINISHED, Job

_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """A registry of its own, so that two applications in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "reviewlens_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "reviewlens_http_request_seconds",
            "Time to answer a request, in seconds.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._finished = Counter(
            "reviewlens_jobs_finished", "Jobs that reached an end, by which.", ["state"], registry=self.registry
        )
        self._scored = Counter(
            "reviewlens_reviews_scored", "Reviews scored, in jobs or by request.", ["way"], registry=self.registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered; `route` is the template, never the path."""
        method = method if method in _METHODS else "OTHER"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def job_finished(self, job: Job, scored: int) -> None:
        """A job reached an end, having scored so many reviews."""
        self._finished.labels(str(job.state)).inc()
        self._scored.labels("job").inc(scored)

    def predicted(self, count: int) -> None:
        """So many reviews were scored by request."""
        self._scored.labels("predict").inc(count)

    def watch_jobs(self, unfinished: Callable[[], Iterable[Job]]) -> None:
        """Show the jobs that wait or run, counted when somebody asks."""
        self.registry.register(_UnfinishedJobs(unfinished))

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


class _UnfinishedJobs(Collector):
    def __init__(self, unfinished: Callable[[], Iterable[Job]]) -> None:
        self._unfinished = unfinished

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("reviewlens_jobs", "Jobs that wait or run, by state.", labels=["state"])
        tally = Tally(job.state for job in self._unfinished())
        for state in sorted(UNFINISHED):
            gauge.add_metric([str(state)], tally[state])
        yield gauge
