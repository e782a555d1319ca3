"""What the gateway counts, as a page for Prometheus; labels are configured sources and the statuses of answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from streams import metric_names as names
from streams.metric_names import MetricName

# As on the worker's page: a series per counter that says when it was made is of no use to anybody here.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the client gives it no types

EDGES_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class GatewayFigures(Collector):
    """Counts since the process began."""

    def __init__(self, sources: Iterable[tuple[str, str]]) -> None:
        """``sources`` are tenant and source of each entrance: they show from the beginning, with zeros."""
        self._registry = CollectorRegistry()
        self._requests = Counter(*_described(names.GATEWAY_REQUESTS), registry=self._registry)
        self._events = Counter(*_described(names.GATEWAY_EVENTS), registry=self._registry)
        self._seconds = Histogram(*_described(names.GATEWAY_REQUEST), registry=self._registry, buckets=EDGES_SECONDS)
        self._owed = Gauge(*_described(names.GATEWAY_OWED), registry=self._registry)
        self._in_flight = Gauge(*_described(names.GATEWAY_IN_FLIGHT), registry=self._registry)
        self._available = Gauge(*_described(names.GATEWAY_AVAILABLE), registry=self._registry)
        self._connections = Gauge(*_described(names.GATEWAY_CONNECTIONS), registry=self._registry)
        self._refused = Counter(*_described(names.GATEWAY_REFUSED_CONNECTIONS), registry=self._registry)
        self._ignored: dict[tuple[str, str], Mapping[str, int]] = {}
        self._registry.register(self)
        for tenant, source in sources:
            self._events.labels(tenant, source)
            self._seconds.labels(tenant, source)
            self._requests.labels(tenant, source, "200")

    def answered(self, tenant: str, source: str, status: int, seconds: float) -> None:
        """One request of a source, and how long it took."""
        self._requests.labels(tenant, source, str(status)).inc()
        self._seconds.labels(tenant, source).observe(seconds)

    def delivered(self, tenant: str, source: str, events: int) -> None:
        """Events that Kafka has acknowledged."""
        self._events.labels(tenant, source).inc(events)

    def connection_refused(self) -> None:
        """One connection too many was sent away."""
        self._refused.inc()

    def owing(self, tenant: str, source: str, events: int) -> None:
        """What Kafka has not acknowledged of a platform's events now."""
        self._owed.labels(tenant, source).set(events)

    def ignored(self, tenant: str, source: str, by_kind: Mapping[str, int]) -> None:
        """All that a mapping has counted so far; it counts on by itself."""
        self._ignored[tenant, source] = by_kind

    def collect(self) -> Iterator[Metric]:
        metric = names.GATEWAY_IGNORED
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for place, by_kind in self._ignored.items():
            for kind, count in sorted(by_kind.items()):
                family.add_metric([*place, kind], count)
        yield family

    def page(self, accept: str, *, in_flight_bytes: int, is_available: bool, connections: int) -> tuple[bytes, str]:
        """The page in the format asked for, and its content type."""
        self._in_flight.set(in_flight_bytes)
        self._available.set(is_available)
        self._connections.set(connections)
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


def _described(metric: MetricName) -> tuple[str, str, tuple[str, ...]]:
    return metric.name, metric.help, metric.labels
