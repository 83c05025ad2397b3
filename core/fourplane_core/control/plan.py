"""The gate of the request path: a snapshot and the facts of one message give a plan or a refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fourplane_core.control import routing
from fourplane_core.control.snapshot import Backend, Limits, Model, Pool, PoolName, Route, Snapshot
from fourplane_core.outcomes import Outcome, Refusal

Metadata: TypeAlias = Callable[[str], bytes | None]
"""Looks up one metadata value of the caller by its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one message when it is planned."""

    model: str
    version: str
    draw: int
    """64 random bits: decides where nothing that the caller sent must."""
    sequence: bytes = b""
    """The sequence that the message belongs to; empty: none."""
    metadata: Metadata = lambda _key: None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Where a message goes and under which bounds; compared by identity, and shared by snapshots that agree on it."""

    route: Route
    backend: Backend
    pool: Pool | None
    """None where the backend is unresolved."""
    model: Model | None
    limits: Limits
    deadline_ms: int
    """Longest time for a unary request, in milliseconds."""
    weight: int
    salt: int
    alone: bool
    """Whether no other backend of the route has weight: model and version decide alone, and the plan may be reused."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoutePlans:
    """A route with a ready plan for each backend."""

    route: Route
    plans: tuple[Plan, ...]
    only: Plan | None
    """The plan, where just one backend has weight."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planner:
    """A snapshot prepared for planning: all that can be decided once is decided."""

    snapshot: Snapshot
    routes: Mapping[tuple[str, str], RoutePlans]
    """By public model name and version; a name without version finds its unversioned or else its newest route."""

    def plan(self, facts: Facts) -> Plan | Refusal:
        """Choose route and backend for one message."""
        if (refusal := self.authenticate()) is not None:
            return refusal
        found = self.routes.get((facts.model, facts.version))
        if found is None:
            return self._unknown(facts)
        chosen = found.only or routing.choose(found.plans, self._key(found.route, facts))
        if chosen is None:
            return Refusal(Outcome.BACKEND_UNRESOLVED, f"every backend of route {found.route.name} has weight 0")
        if chosen.pool is None:
            backend = chosen.backend
            return Refusal(
                Outcome.BACKEND_UNRESOLVED,
                f"route {found.route.name} sends this share to model {backend.model} of pool {backend.pool}, "
                "which does not exist; see the route's conditions",
            )
        return chosen

    def authenticate(self) -> Refusal | None:
        """Refuse a caller whom this snapshot does not serve; it holds for what an earlier one had planned, too."""
        return None if self.snapshot.runtime.anonymous else _UNAUTHENTICATED

    @staticmethod
    def _key(route: Route, facts: Facts) -> int:
        if facts.sequence:
            return routing.key_of(facts.sequence)
        if route.affinity_header:
            value = facts.metadata(route.affinity_header)
            if value:
                return routing.key_of(value)
        return facts.draw

    def _unknown(self, facts: Facts) -> Refusal:
        if not facts.model:
            return Refusal(Outcome.MODEL_NAME_MISSING, "the request names no model; set model_name")
        shown = facts.model if len(facts.model) <= _SHOWN else facts.model[:_SHOWN] + "..."
        if facts.version and (facts.model, "") in self.routes:
            return Refusal(
                Outcome.MODEL_NOT_FOUND,
                f"Request for unknown model: '{shown}' has no version {facts.version[:_SHOWN]!r}; name none",
            )
        return Refusal(Outcome.MODEL_NOT_FOUND, f"Request for unknown model: '{shown}' is not found")


_SHOWN = 128
_UNAUTHENTICATED = Refusal(
    Outcome.CALLER_UNAUTHENTICATED,
    "this runtime serves no anonymous callers; its RuntimeDeployment decides that with spec.callers.anonymous",
)


def prepare(snapshot: Snapshot, before: Planner | None = None) -> Planner:
    """Make every plan of a snapshot; plans of the one before are used again where nothing about them changed."""
    known = before.routes if before is not None and _has_frame_of(snapshot, before.snapshot) else {}
    pools: dict[PoolName, tuple[Pool, Mapping[str, Model]]] = {
        pool.name: (pool, {model.name: model for model in pool.models}) for pool in snapshot.pools
    }
    routes: dict[tuple[str, str], RoutePlans] = {}
    for route in snapshot.routes:
        key = route.model, route.version
        found = known.get(key)
        routes[key] = found if found is not None and found.route is route else _route_plans(snapshot, route, pools)
    versioned = [item for item in routes.items() if item[0][1]]
    for (model, _), found in sorted(versioned, key=lambda item: _age(item[0][1])):
        if routes.get((model, ""), found).route.version:
            routes[model, ""] = found
    return Planner(snapshot=snapshot, routes=routes)


def _has_frame_of(snapshot: Snapshot, before: Snapshot) -> bool:
    return (snapshot.runtime.limits, snapshot.pools) == (before.runtime.limits, before.pools)


def _route_plans(
    snapshot: Snapshot, route: Route, pools: Mapping[PoolName, tuple[Pool, Mapping[str, Model]]]
) -> RoutePlans:
    alone = sum(backend.weight > 0 for backend in route.backends) == 1
    plans = tuple(_plan(snapshot, route, backend, pools, alone) for backend in route.backends)
    return RoutePlans(route=route, plans=plans, only=next((plan for plan in plans if plan.alone), None))


def _age(version: str) -> tuple[int, int, str]:
    return (1, int(version), "") if version.isdecimal() else (0, 0, version)


def _plan(
    snapshot: Snapshot,
    route: Route,
    backend: Backend,
    pools: Mapping[PoolName, tuple[Pool, Mapping[str, Model]]],
    alone: bool,
) -> Plan:
    found = pools.get(backend.pool)
    pool, model = (found[0], found[1].get(backend.model)) if found else (None, None)
    limits = snapshot.runtime.limits
    name = f"{backend.pool}\0{backend.model}\0{backend.version}"
    return Plan(
        route=route,
        backend=backend,
        pool=pool if model is not None else None,
        model=model,
        limits=limits,
        deadline_ms=min(route.deadline_ms or limits.max_deadline_ms, limits.max_deadline_ms),
        weight=backend.weight,
        salt=routing.key_of(name.encode()),
        alone=alone and backend.weight > 0,
    )
