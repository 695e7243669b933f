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
    """The metrics of one application, in a registry of their own, so that two applications in a process do not mix.

    `unfinished` lists the jobs that wait or run, whenever the metrics are read; None: this application counts no jobs.
    """

    def __init__(self, unfinished: Callable[[], Iterable[Job]] | None = None) -> None:
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
            "reviewlens_jobs_finished", "Finished jobs, by state.", ["state"], registry=self.registry
        )
        self._scored = Counter(
            "reviewlens_reviews_scored", "Reviews scored, in jobs or by request.", ["way"], registry=self.registry
        )
        if unfinished is not None:
            self.registry.register(_UnfinishedJobs(unfinished))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered; `route` is the route's template, never the path."""
        method = method if method in _METHODS else "OTHER"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def job_finished(self, job: Job, scored: int) -> None:
        """A job finished; it scored `scored` reviews."""
        self._finished.labels(str(job.state)).inc()
        self._scored.labels("job").inc(scored)

    def predicted(self, count: int) -> None:
        """`count` reviews were scored by request."""
        self._scored.labels("predict").inc(count)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
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
