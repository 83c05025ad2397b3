"""What Prometheus scrapes: the sums of all processes, turned into metrics at that moment and never before."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Metric, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from fourplane_worker.telemetry.cells import BUCKETS_S
from fourplane_worker.telemetry.totals import Key, Sum

_SERIES = ("route", "pool", "backend")
_NUMBERS: Mapping[str, tuple[str, str]] = {
    "connections": ("fourplane_connections", "Client connections accepted."),
    "connection_failures": ("fourplane_connection_failures", "Client connections ended for breaking the protocol."),
    "bytes_in": ("fourplane_received_bytes", "Bytes of request messages."),
    "bytes_out": ("fourplane_sent_bytes", "Bytes of response messages."),
    "open_connections": ("fourplane_open_connections", "Client connections open now."),
    "open_calls": ("fourplane_open_calls", "Calls open now."),
    "open_engine_calls": ("fourplane_open_engine_calls", "Calls open now at the engines that the snapshot names."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCounts:
    """Endpoints of a pool."""

    up: int
    """Reached, with every model as declared."""
    degraded: int
    """Reached, but with models that break their declared contract: those are not served from there."""
    known: int
    """All of them."""


@dataclass(slots=True, kw_only=True)
class State:
    """Everything that is exposed, at one moment."""

    series: Mapping[Key, Sum] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    runtime: str = ""
    served: str = ""
    """Digest of the snapshot that every process serves; empty: none."""
    desired: str = ""
    """Digest of the newest snapshot that was verified."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    endpoints: Mapping[str, EndpointCounts] = field(default_factory=dict)
    """By pool."""
    processes: tuple[int, int] = (0, 0)
    """Processes that serve, and all of them."""
    restarts: int = 0
    propagation_s: float | None = None
    """Seconds from reading the last activation until every process served it."""
    ready: bool = False
    absent_s: float | None = None
    """Seconds for which the API server has not been heard; None: there is none to follow."""


class Exposition(Collector):
    """Collects on demand."""

    def __init__(self, now: Callable[[], State]) -> None:
        """Take what tells the state."""
        self._now = now
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Tell nothing ahead: names do not clash in a registry of our own."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        state = self._now()
        yield from _requests(state.series)
        yield from _numbers(state.numbers)
        yield from _configuration(state)
        yield from _health(state)
        if state.absent_s is not None:
            yield from _following(state.absent_s)

    def page(self, accept: str) -> tuple[str, bytes]:
        """Return content type and content, in the form that the scraper asks for."""
        encode, content_type = exposition.choose_encoder(accept)
        return content_type, encode(self._registry)


def _requests(series: Mapping[Key, Sum]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "fourplane_requests",
        "Calls that ended, and requests of streams that were refused, by outcome.",
        labels=(*_SERIES, "outcome"),
    )
    durations = HistogramMetricFamily(
        "fourplane_request_duration_seconds", "Time from a call's head to its end.", labels=_SERIES
    )
    messages_in = CounterMetricFamily("fourplane_stream_messages_received", "Messages of streams.", labels=_SERIES)
    messages_out = CounterMetricFamily("fourplane_stream_messages_sent", "Messages to streams.", labels=_SERIES)
    for key, counted in sorted(series.items()):
        if not counted.requests and not counted.messages_in:
            continue
        for outcome, count in sorted(counted.outcomes.items()):
            requests.add_metric((*key, outcome), count)
        durations.add_metric(key, _cumulative(counted.buckets), counted.seconds)
        messages_in.add_metric(key, counted.messages_in)
        messages_out.add_metric(key, counted.messages_out)
    yield from (requests, durations, messages_in, messages_out)


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
    total, found = 0, []
    for bound, count in zip(bounds, buckets, strict=True):
        total += count
        found.append((bound, float(total)))
    return found


def _numbers(numbers: Mapping[str, float]) -> Iterator[Metric]:
    for name, value in numbers.items():
        metric, text = _NUMBERS[name]
        if name.startswith("open_"):
            yield GaugeMetricFamily(metric, text, value=value)
        else:
            yield CounterMetricFamily(metric, text, value=value)


def _configuration(state: State) -> Iterator[Metric]:
    for name, text, digest in (
        ("fourplane_snapshot", "The snapshot that every process serves.", state.served),
        ("fourplane_config_desired", "The newest snapshot that was verified.", state.desired),
    ):
        info = InfoMetricFamily(name, text, labels=())
        if digest:
            info.add_metric((), {"digest": digest, "runtime": state.runtime})
        yield info
    rejected = CounterMetricFamily(
        "fourplane_config_rejected", "Activations and snapshots that were refused.", labels=("reason",)
    )
    for reason, count in sorted(state.rejected.items()):
        rejected.add_metric((reason,), count)
    yield rejected
    if state.propagation_s is not None:
        yield GaugeMetricFamily(
            "fourplane_config_propagation_seconds",
            "Time from reading the last activation until every process served it.",
            value=state.propagation_s,
        )


def _health(state: State) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "fourplane_endpoints_up", "Engine endpoints that every process reaches, models as declared.", labels=("pool",)
    )
    degraded = GaugeMetricFamily(
        "fourplane_endpoints_degraded",
        "Engine endpoints that are reached, with models that break their declared contract.",
        labels=("pool",),
    )
    known = GaugeMetricFamily("fourplane_endpoints", "Engine endpoints known.", labels=("pool",))
    for pool, counts in sorted(state.endpoints.items()):
        up.add_metric((pool,), counts.up)
        degraded.add_metric((pool,), counts.degraded)
        known.add_metric((pool,), counts.known)
    serving, processes = state.processes
    yield from (up, degraded, known)
    yield GaugeMetricFamily("fourplane_processes_serving", "Processes that accept calls.", value=serving)
    yield GaugeMetricFamily("fourplane_processes", "Processes that there should be.", value=processes)
    yield CounterMetricFamily(
        "fourplane_process_restarts", "Processes that died and were replaced.", value=state.restarts
    )
    yield GaugeMetricFamily("fourplane_ready", "1 while every process serves the desired snapshot.", value=state.ready)


def _following(absent_s: float) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "fourplane_api_server_reachable", "1 while the API server is followed.", value=absent_s == 0.0
    )
    yield GaugeMetricFamily(
        "fourplane_api_server_absent_seconds", "Time for which the API server has not been heard.", value=absent_s
    )
