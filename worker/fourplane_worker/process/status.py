"""What `fourplane status` prints: the truth about a worker, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fourplane_worker.process.child import Child
from fourplane_worker.process.fleet import Fleet
from fourplane_worker.process.intake import Intake, Problem
from fourplane_worker.process.messages import Reach
from fourplane_worker.telemetry.metrics import EndpointCounts
from fourplane_worker.telemetry.rates import Rates

VERSION = 1
"""Raised when a field of the file changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the supervisor knows beside its parts."""

    pid: int
    started: str
    """RFC 3339."""
    listen: str
    metrics: str
    tls: bool
    draining: bool
    rates: Rates
    propagation_s: float | None
    about: Mapping[str, Any] = field(default_factory=dict)
    """What whoever compiles adds: findings, engines."""
    problems: tuple[Problem, ...] = ()
    """What is refused before it comes into the state folder."""


def status(facts: Facts, intake: Intake, fleet: Fleet) -> dict[str, Any]:
    """Return the whole status."""
    snapshot, offer = intake.snapshot, intake.offer
    return {
        "version": VERSION,
        "state": state_of(facts, intake, fleet),
        "ready": fleet.is_serving and not facts.draining,
        "runtime": snapshot.runtime.name if snapshot else "",
        "pid": facts.pid,
        "started": facts.started,
        "listen": facts.listen,
        "metrics": facts.metrics,
        "tls": facts.tls,
        "acknowledged": asdict(fleet.acknowledged) if fleet.acknowledged else None,
        "offered": asdict(offer) if offer else None,
        "propagationSeconds": facts.propagation_s,
        "routes": len(snapshot.routes) if snapshot else 0,
        "processes": [_process(child) for child in fleet.children],
        "pools": _pools(intake, fleet),
        "rejected": [asdict(problem) for problem in (*facts.problems, *intake.problems.values())],
        "rates": asdict(facts.rates),
        **facts.about,
    }


def state_of(facts: Facts, intake: Intake, fleet: Fleet) -> str:
    """Sum it up in one word."""
    if facts.draining:
        return "Draining"
    if intake.offer is None:
        return "NoSnapshot"
    if not fleet.serves(intake.offer):
        return "Progressing"
    is_whole = all(pool_state(addresses) == "Up" for addresses in _endpoints(intake, fleet).values())
    return "Ready" if is_whole and not intake.problems and not facts.problems else "Degraded"


def _process(child: Child) -> dict[str, Any]:
    return {
        "index": child.index,
        "pid": child.pid,
        "listening": child.is_listening,
        "serving": asdict(child.serving) if child.serving else None,
        "rejected": asdict(child.refusal) if child.refusal else None,
        "restarts": child.restarts,
        "failure": child.failure,
    }


def _endpoints(intake: Intake, fleet: Fleet) -> dict[str, dict[str, Reach]]:
    pools = intake.snapshot.pools if intake.snapshot else ()
    return {str(pool.name): {} for pool in pools} | fleet.endpoints()


def _pools(intake: Intake, fleet: Fleet) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "state": pool_state(addresses),
            "endpoints": [
                {"address": address, "up": not reach.failure, "failure": reach.failure, "broken": _broken(reach)}
                for address, reach in addresses.items()
            ],
        }
        for name, addresses in sorted(_endpoints(intake, fleet).items())
    ]


def _broken(reach: Reach) -> list[dict[str, str]]:
    """Return the models that are not served from an endpoint though it is up, and why."""
    return [{"model": model, "problem": problem} for model, problem in sorted(reach.broken.items())]


def pool_state(addresses: Mapping[str, Reach]) -> str:
    """Sum a pool up in one word; without endpoints it is down."""
    if all(reach.failure for reach in addresses.values()):
        return "Down"
    is_whole = not any(reach.failure or reach.broken for reach in addresses.values())
    return "Up" if is_whole else "Degraded"


def tally(addresses: Mapping[str, Reach]) -> EndpointCounts:
    """Count a pool's endpoints for metrics: one that serves some of its models only is not up."""
    degraded = sum(bool(reach.broken) and not reach.failure for reach in addresses.values())
    down = sum(bool(reach.failure) for reach in addresses.values())
    return EndpointCounts(up=len(addresses) - degraded - down, degraded=degraded, known=len(addresses))
