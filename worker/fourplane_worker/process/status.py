"""What `fourplane status` prints: the truth about a worker, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fourplane_worker.process.child import Child
from fourplane_worker.process.fleet import Fleet
from fourplane_worker.process.intake import Intake
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
        "rejected": [asdict(problem) for problem in intake.problems.values()],
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
    down = any(any(addresses.values()) or not addresses for addresses in _failures(intake, fleet).values())
    return "Degraded" if intake.problems or down else "Ready"


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


def _failures(intake: Intake, fleet: Fleet) -> dict[str, dict[str, str]]:
    pools = intake.snapshot.pools if intake.snapshot else ()
    return {str(pool.name): {} for pool in pools} | fleet.endpoints()


def _pools(intake: Intake, fleet: Fleet) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "state": _pool_state(addresses),
            "endpoints": [
                {"address": address, "up": not failure, "failure": failure} for address, failure in addresses.items()
            ],
        }
        for name, addresses in sorted(_failures(intake, fleet).items())
    ]


def _pool_state(addresses: Mapping[str, str]) -> str:
    up = sum(not failure for failure in addresses.values())
    if not up:
        return "Down"
    return "Up" if up == len(addresses) else "Degraded"
