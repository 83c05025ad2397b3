"""How many pods there are: as many as the resource says, or as an autoscaler does."""

from dataclasses import dataclass
from typing import TypeAlias

from fourplane_api.servers import Server
from fourplane_api.workers import Workers
from fourplane_compiler.workloads.manifest import Component, Maker, Manifest
from fourplane_compiler.workloads.settings import ClusterFacts

OPEN_CALLS = "fourplane_open_calls"
"""Gauge of a worker's pod: calls open now."""
QUEUE_SECONDS = "fourplane_engine_queue_seconds"
"""What a metrics adapter makes of a Triton pod's counters: mean seconds that a request waited in its queue."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A number of pods that the Deployment states."""

    replicas: int
    instead: bool = False
    """Whether this is for want of an autoscaler that was asked for."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number of pods that an autoscaler states."""

    minimum: int
    maximum: int
    metric: str
    target: str
    """Mean over the pods, as a quantity."""


Scale: TypeAlias = Fixed | Scaled


def of_workers(workers: Workers, facts: ClusterFacts, name: str) -> Scale:
    """Return how many workers there are."""
    wanted = workers.autoscaling
    if not workers.is_autoscaled:
        return Fixed(workers.replicas)
    target = str(wanted.in_flight_per_worker)
    return _scaled(Scaled(wanted.min_replicas, wanted.max_replicas, OPEN_CALLS, target), facts, name)


def of_engines(server: Server, facts: ClusterFacts, name: str) -> Scale:
    """Return how many engines a pool has."""
    wanted = server.autoscaling
    if not server.is_autoscaled:
        return Fixed(server.replicas)
    target = f"{wanted.queue_time_ms}m"
    return _scaled(Scaled(wanted.min_replicas, wanted.max_replicas, QUEUE_SECONDS, target), facts, name)


def at_least(scale: Scale) -> int:
    """Return the number of pods that are always wanted."""
    return scale.replicas if isinstance(scale, Fixed) else scale.minimum


def replicas(scale: Scale) -> dict[str, int]:
    """Return the field of a Deployment; none where it is an autoscaler's."""
    return {"replicas": scale.replicas} if isinstance(scale, Fixed) else {}


def autoscaler(maker: Maker, name: str, scale: Scaled, component: Component, pool: str = "") -> Manifest:
    """Return the autoscaler of a Deployment of the same name."""
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": scale.metric}, "target": {"type": "AverageValue", "averageValue": scale.target}},
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": scale.minimum,
        "maxReplicas": scale.maximum,
        "metrics": [metric],
    }
    return maker.manifest("HorizontalPodAutoscaler", name, component, pool=pool, spec=spec)


def _scaled(scale: Scaled, facts: ClusterFacts, name: str) -> Scale:
    if facts.custom_metrics or name in facts.autoscalers:
        return scale
    return Fixed(scale.minimum, instead=True)
