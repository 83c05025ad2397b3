"""What the operator counts."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from fourplane_kube import Cluster

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """All series of one operator; docs/operations.md says what to do about each."""

    def __init__(self) -> None:
        """Make a registry of its own."""
        self.registry = CollectorRegistry()
        self.leader = Gauge(
            "fourplane_operator_leader", "Whether this operator holds the Lease: 1 or 0.", registry=self.registry
        )
        self.runtimes = Gauge("fourplane_operator_runtimes", "Runtimes that are compiled.", registry=self.registry)
        self.resources = Gauge("fourplane_operator_resources", "Resources that are watched.", registry=self.registry)
        self.compile_seconds = Histogram(
            "fourplane_operator_compile_seconds", "Time of a compile.", buckets=_SECONDS, registry=self.registry
        )
        self.propagation_seconds = Histogram(
            "fourplane_config_propagation_seconds",
            "Time from the first write of a snapshot until every worker acknowledged it.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.activations = Counter(
            "fourplane_operator_activations", "Activations that were written.", registry=self.registry
        )
        self.failures = Counter(
            "fourplane_operator_failures", "Steps that failed and are tried again.", ["error"], registry=self.registry
        )
        self.status_writes = Counter(
            "fourplane_operator_status_writes", "Statuses that were written.", registry=self.registry
        )
        self.status_backlog = Gauge(
            "fourplane_operator_status_backlog", "Statuses that wait to be written.", registry=self.registry
        )
        self.listed = Gauge(
            "fourplane_operator_listed",
            "Whether the leader could list a namespace at its last try: 1 or 0; an empty name is all of them.",
            ["namespace"],
            registry=self.registry,
        )
        self.events_dropped = Counter(
            "fourplane_operator_events_dropped",
            "Events that were not written: too many at once, or refused.",
            registry=self.registry,
        )
        self.collected = Counter(
            "fourplane_operator_collected", "Snapshots and shards that were deleted.", ["kind"], registry=self.registry
        )
        self.found_by_listing = Counter(
            "fourplane_operator_found_by_listing",
            "Deletions that no event told of and a listing found.",
            registry=self.registry,
        )

    def counting(self, cluster: Cluster) -> None:
        """Show what is sent to the API server; once."""
        self.registry.register(_Sending(cluster))


class _Sending(Collector):
    """Series of what was counted elsewhere."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what was counted up to now."""
        requests = CounterMetricFamily(
            "fourplane_api_requests", "Requests to the API server, beside kopf's watches.", labels=["method", "kind"]
        )
        for (method, kind), number in dict(self._cluster.requests).items():
            requests.add_metric([method, kind], number)
        yield requests
        yield CounterMetricFamily(
            "fourplane_api_written_bytes",
            "Bytes of all bodies sent to the API server.",
            value=self._cluster.written_bytes,
        )
