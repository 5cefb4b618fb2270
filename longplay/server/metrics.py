"""Metrics in Prometheus' text format: requests, latencies, connections closed, and the age of what is served."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from longplay.server.connections import REASONS, ConnectionLimits
from longplay.server.open_releases import OpenReleases

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
METHODS = ("GET", "HEAD", "OPTIONS")
"""Methods that are counted by name; all others are ``other``."""


class ServerMetrics:
    """The metrics of one server. Labels take few values: route templates, never paths.

    Args:
        open_releases: the releases whose age is given.
        limits: the connections that are counted.
    """

    def __init__(self, open_releases: OpenReleases, limits: ConnectionLimits) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "longplay_http_requests", "Answers.", ["route", "method", "status"], registry=self._registry
        )
        self._durations = Histogram(
            "longplay_http_request_duration_seconds",
            "Time from a request's header to the end of its answer.",
            ["route"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._registry.register(_ReleaseAges(open_releases))
        self._registry.register(_ClosedConnections(limits))

    def record(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer.

        Args:
            route: template of the path, or ``unknown``.
            method: of the request.
            status: of the answer.
            seconds: duration.
        """
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._durations.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self._registry)


class _ClosedConnections(Collector):
    """Connections that the server closed."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits

    def collect(self) -> Iterator[Metric]:
        closed = CounterMetricFamily(
            "longplay_connections_closed", "Connections that the server closed on its own.", labels=["reason"]
        )
        for reason in REASONS:
            closed.add_metric([reason], self._limits.closed[reason])
        yield closed


class _ReleaseAges(Collector):
    """Ages at the time of a scrape; none while no release is served."""

    def __init__(self, open_releases: OpenReleases) -> None:
        self._open_releases = open_releases

    def collect(self) -> Iterator[Metric]:
        release_age = GaugeMetricFamily("longplay_release_age_seconds", "Time since known_at of the newest release.")
        signal_age = GaugeMetricFamily(
            "longplay_signal_age_seconds", "Time since the watermark of a signal's values.", labels=["signal"]
        )
        if self._open_releases.ids():
            newest, now = self._open_releases.newest(), datetime.now(UTC)
            release_age.add_metric([], (now - newest.release.known_at).total_seconds())
            for signal in sorted(newest.segments):
                failure = newest.failures.get(signal)
                watermark = failure.watermark if failure and failure.watermark else newest.release.watermark
                signal_age.add_metric([signal], (now - watermark).total_seconds())
        yield release_age
        yield signal_age
