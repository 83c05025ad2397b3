"""Why a request goes where it goes: asks the planner that workers ask, and looks at the candidates it had."""

from dataclasses import dataclass, replace

from fourplane_compiler.differences import engines_of
from fourplane_core.control import routing
from fourplane_core.control.plan import Facts, Plan, Planner, RoutePlans
from fourplane_core.outcomes import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One backend of the route."""

    pool: str
    model: str
    version: str
    """The engine's version of the model; empty: the engine chooses."""
    weight: int
    share: float
    """Percent of the route's requests."""
    resolved: bool
    chosen: bool
    why: str
    engines: str
    """Addresses of the pool's engines, `Service NAME:PORT`, or `managed`; empty where there is no such pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What happens to a request, and what was considered."""

    model: str
    version: str
    route: str
    """`NAMESPACE/NAME`; empty where no route serves the model."""
    decided_by: str
    """What the choice depends on."""
    decided: bool
    """Whether enough is known of the request to say where it goes."""
    deadline_ms: int
    """Longest time for a unary request, in milliseconds; 0 where there is no route."""
    refusal: Refusal | None
    candidates: tuple[Candidate, ...]


def explain(
    planner: Planner, model: str, version: str, *, affinity: str | None = None, draw: int | None = None
) -> Explanation:
    """Plan a request and tell why its plan is what it is; without affinity and draw, tell what is sure."""
    facts = Facts(
        model=model, version=version, draw=draw or 0, metadata=lambda _key: affinity.encode() if affinity else None
    )
    answer = planner.plan(facts)
    found = planner.routes.get((model, version))
    if found is None:
        return Explanation(
            model=model,
            version=version,
            route="",
            decided_by="the model's name",
            decided=True,
            deadline_ms=0,
            refusal=answer if isinstance(answer, Refusal) else None,
            candidates=(),
        )
    decided_by, key = _key(found, affinity, draw)
    nearest = routing.choose(found.plans, key) if key is not None else None
    decided = key is not None or not planner.snapshot.runtime.anonymous
    return Explanation(
        model=model,
        version=version,
        route=found.route.name,
        decided_by=decided_by,
        decided=decided,
        deadline_ms=found.plans[0].deadline_ms,
        refusal=answer if decided and isinstance(answer, Refusal) else None,
        candidates=tuple(
            _candidate(found, plan, nearest, key, chosen=key is not None and plan is answer) for plan in found.plans
        ),
    )


def _key(found: RoutePlans, affinity: str | None, draw: int | None) -> tuple[str, int | None]:
    if found.only:
        return "the weights: only one backend has any", draw or 0
    header = found.route.affinity_header
    if header and affinity:
        return f"the value of {header}", routing.key_of(affinity.encode())
    unused = " (the route has no affinity, so the given value has no effect)" if affinity else ""
    return f"a random draw for each request{unused}", draw


def _candidate(found: RoutePlans, plan: Plan, nearest: Plan | None, key: int | None, *, chosen: bool) -> Candidate:
    total = sum(other.weight for other in found.plans)
    backend = plan.backend
    candidate = Candidate(
        pool=backend.pool,
        model=backend.model,
        version=backend.version,
        weight=plan.weight,
        share=100 * plan.weight / total if total else 0.0,
        resolved=plan.pool is not None,
        chosen=chosen,
        why="",
        engines=engines_of(plan.pool) if plan.pool is not None else "",
    )
    return replace(candidate, why=_why(candidate, plan, nearest, key))


def _why(candidate: Candidate, plan: Plan, nearest: Plan | None, key: int | None) -> str:
    if not plan.weight:
        return "has weight 0, and so takes no requests"
    missing = "" if candidate.resolved else "; pool or model do not exist, so its share is answered with an error"
    if key is None or nearest is None:
        return f"takes {candidate.share:.4g}% of the requests{missing}"
    here = routing.distance(plan.salt, plan.weight, key)
    if plan is nearest:
        return f"is the nearest, at distance {here:.4g}{missing}"
    there = routing.distance(nearest.salt, nearest.weight, key)
    return f"is at distance {here:.4g}, and the nearest at {there:.4g}{missing}"
