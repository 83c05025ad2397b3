"""What changes between two snapshots, and for callers of which public models."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum, unique

from fourplane_compiler import contracts
from fourplane_core.control.snapshot import Model, Pool, Route, Runtime, Snapshot


@unique
class Change(StrEnum):
    """What kind of thing changes."""

    ROUTE_ADDED = "route-added"
    ROUTE_REMOVED = "route-removed"
    PUBLIC_MODEL = "public-model"
    """A route serves another public model or version."""
    TRAFFIC = "traffic"
    """A backend gets another share of its route."""
    RESOLVED = "resolved"
    """A backend exists now, or no longer."""
    DEADLINE = "deadline"
    AFFINITY = "affinity"
    POOL_ADDED = "pool-added"
    POOL_REMOVED = "pool-removed"
    ENDPOINTS = "endpoints"
    MODEL_ADDED = "model-added"
    MODEL_REMOVED = "model-removed"
    CONTRACT = "contract"
    """A model declares other inputs, outputs or streaming."""
    CALLERS = "callers"
    LIMIT = "limit"
    TELEMETRY = "telemetry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that changes."""

    change: Change
    subject: str
    """Key of the entry: `runtime`, `pool/NAME`, `route/NAMESPACE/NAME`."""
    detail: str
    """Which part of it: a backend, a model, a limit; empty: the whole."""
    before: str
    after: str
    affects: tuple[str, ...]
    """Public models whose callers may notice, as `NAME` or `NAME:VERSION`."""


def differences(old: Snapshot, new: Snapshot) -> tuple[Difference, ...]:
    """Return everything that changes, ordered by what it is about."""
    every = _Readers((*old.routes, *new.routes))
    found = [*_runtime(old.runtime, new.runtime, every), *_pools(old, new, every), *_routes(old, new)]
    return tuple(sorted(found, key=lambda one: (one.subject, one.change, one.detail)))


def public_name(route: Route) -> str:
    """Return what callers call a route's model."""
    return f"{route.model}:{route.version}" if route.version else route.model


def shares(route: Route) -> dict[str, float]:
    """Return each backend's share of the route, in percent."""
    total = sum(backend.weight for backend in route.backends)
    return {
        backend_name(backend.pool, backend.model, backend.version): 100 * backend.weight / total if total else 0.0
        for backend in route.backends
    }


def backend_name(pool: str, model: str, version: str) -> str:
    """Name a backend within its route."""
    return f"{pool}/{model}:{version}" if version else f"{pool}/{model}"


class _Readers:
    """Who uses a pool or model, in either snapshot."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_model: dict[tuple[str, str], set[str]] = {}
        for route in routes:
            for backend in route.backends:
                self._by_model.setdefault((backend.pool, backend.model), set()).add(public_name(route))

    def of_all(self) -> tuple[str, ...]:
        return tuple(sorted(set().union(*self._by_model.values())))

    def of_pool(self, pool: str) -> tuple[str, ...]:
        users = [names for (name, _), names in self._by_model.items() if name == pool]
        return tuple(sorted(set().union(*users)))

    def of_model(self, pool: str, model: str) -> tuple[str, ...]:
        return tuple(sorted(self._by_model.get((pool, model), ())))


def _runtime(old: Runtime, new: Runtime, readers: _Readers) -> Iterator[Difference]:
    parts: list[tuple[Change, str, object, object]] = [
        (Change.CALLERS, "anonymous", old.anonymous, new.anonymous),
        *_fields(Change.LIMIT, old.limits, new.limits),
        *_fields(Change.TELEMETRY, old.telemetry, new.telemetry),
    ]
    for change, detail, before, after in parts:
        if before != after:
            affects = () if change is Change.TELEMETRY else readers.of_all()
            yield Difference(
                change=change,
                subject="runtime",
                detail=detail,
                before=_show(before),
                after=_show(after),
                affects=affects,
            )


def _fields(change: Change, old: object, new: object) -> list[tuple[Change, str, object, object]]:
    names = (one.name for one in fields(old))  # type: ignore[arg-type]  # both are dataclasses of the core
    return [(change, name, getattr(old, name), getattr(new, name)) for name in names]


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pools(old: Snapshot, new: Snapshot, readers: _Readers) -> Iterator[Difference]:
    before, after = {pool.name: pool for pool in old.pools}, {pool.name: pool for pool in new.pools}
    for name in sorted(before.keys() | after.keys()):
        here, there = before.get(name), after.get(name)
        if here == there:
            continue
        if here and there:
            yield from _pool(here, there, readers)
            continue
        yield Difference(
            change=Change.POOL_ADDED if there else Change.POOL_REMOVED,
            subject=f"pool/{name}",
            detail="",
            before=_models(here),
            after=_models(there),
            affects=readers.of_pool(name),
        )


def _models(pool: Pool | None) -> str:
    return ", ".join(model.name for model in pool.models) if pool else ""


def _pool(old: Pool, new: Pool, readers: _Readers) -> Iterator[Difference]:
    subject = f"pool/{new.name}"
    was, now = engines_of(old), engines_of(new)
    if was != now:
        yield Difference(
            change=Change.ENDPOINTS,
            subject=subject,
            detail="",
            before=was,
            after=now,
            affects=readers.of_pool(new.name),
        )
    before, after = {model.name: model for model in old.models}, {model.name: model for model in new.models}
    for name in sorted(before.keys() | after.keys()):
        change, was, now = _model(before.get(name), after.get(name))
        if change is not None:
            affects = readers.of_model(new.name, name)
            yield Difference(change=change, subject=subject, detail=name, before=was, after=now, affects=affects)


def engines_of(pool: Pool) -> str:
    """Say how a pool's engines are found."""
    return ", ".join(pool.endpoints) or (f"Service {pool.service}" if pool.service else "managed")


def _model(old: Model | None, new: Model | None) -> tuple[Change | None, str, str]:
    if old is None or new is None:
        return (Change.MODEL_REMOVED if old else Change.MODEL_ADDED), _contract(old), _contract(new)
    if old == new:
        return None, "", ""
    what, was, now = contracts.difference(old, new) or ("", _contract(old), _contract(new))
    return Change.CONTRACT, f"{what} {was}".strip(), f"{what} {now}".strip()


def _contract(model: Model | None) -> str:
    if model is None:
        return ""
    sides = (model.inputs, model.outputs)
    inputs, outputs = (", ".join(f"{one.name} {contracts.show(one)}" for one in side) or "open" for side in sides)
    return f"{inputs} -> {outputs}" + (" (decoupled)" if model.decoupled else "")


def _routes(old: Snapshot, new: Snapshot) -> Iterator[Difference]:
    before, after = {route.name: route for route in old.routes}, {route.name: route for route in new.routes}
    for name in before.keys() | after.keys():
        here, there = before.get(name), after.get(name)
        if here == there:
            continue
        if here and there:
            yield from _route(here, there)
            continue
        yield Difference(
            change=Change.ROUTE_ADDED if there else Change.ROUTE_REMOVED,
            subject=f"route/{name}",
            detail="",
            before=_targets(here),
            after=_targets(there),
            affects=tuple(public_name(route) for route in (here, there) if route),
        )


def _targets(route: Route | None) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in shares(route).items()) if route else ""


def percent(share: float) -> str:
    """Write a share."""
    return f"{share:.4g}%"


def _route(old: Route, new: Route) -> Iterator[Difference]:
    subject = f"route/{new.name}"
    affects = tuple(sorted({public_name(old), public_name(new)}))
    was, now = shares(old), shares(new)
    parts = [
        (Change.PUBLIC_MODEL, "", public_name(old), public_name(new)),
        (Change.DEADLINE, "", _deadline(old), _deadline(new)),
        (Change.AFFINITY, "", old.affinity_header or "none", new.affinity_header or "none"),
        *((Change.TRAFFIC, name, _share(was, name), _share(now, name)) for name in was | now),
        *((Change.RESOLVED, name, here, there) for name, here, there in _resolutions(old, new)),
    ]
    for change, detail, before, after in parts:
        if before != after:
            yield Difference(change=change, subject=subject, detail=detail, before=before, after=after, affects=affects)


def _deadline(route: Route) -> str:
    return f"{route.deadline_ms} ms" if route.deadline_ms else "the runtime's"


def _share(shared: dict[str, float], name: str) -> str:
    return percent(shared[name]) if name in shared else "absent"


def _resolutions(old: Route, new: Route) -> Iterator[tuple[str, str, str]]:
    states = {_backend(backend.pool, backend.model): backend.resolved for backend in old.backends}
    for backend in new.backends:
        name = _backend(backend.pool, backend.model)
        if name in states:
            yield name, _show(states[name]), _show(backend.resolved)


def _backend(pool: str, model: str) -> str:
    return f"{pool}/{model}"
