"""One route against one frame: which form is served, and what is to be said about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from fourplane_compiler import contracts
from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity, SourceRef
from fourplane_compiler.frame import Frame, invalid
from fourplane_compiler.permission import refused
from fourplane_compiler.sources import ROUTE, Broken
from fourplane_core.control.snapshot import Backend, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A route as its resource has it."""

    name: str
    """`NAMESPACE/NAME` of the ModelRoute."""
    runtime: str
    """`NAMESPACE/NAME` of the runtime that it names."""
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a route as long as no other route stands in its way."""

    form: Route | None
    diagnostics: tuple[Diagnostic, ...] = ()
    last_good: bool = False
    """Whether the form is the last good one, and not what the route asks for."""
    on_trust: bool = False
    """Whether it is permitted only since the last snapshot holds it: nobody can tell whether it still is."""


def judge(wish: Wish | Broken, frame: Frame | None, last_good: Callable[[], Route | None]) -> Verdict:
    """Choose between what a route asks for and its last good form.

    The last good form goes on where the new one is invalid or can't be resolved, as long as it resolves itself.
    Where neither does, the share of each missing backend is kept, and answered with an error.
    """
    if frame is None:
        return Verdict(
            form=None, diagnostics=invalid(wish) if isinstance(wish, Broken) else (_no_runtime(wish, frame),)
        )
    name = wish.ref.name if isinstance(wish, Broken) else wish.name
    on_trust = not frame.takes(name)
    if on_trust and (frame.permission.is_known or last_good() is None):
        return Verdict(form=None, diagnostics=_not_permitted(wish, name, frame))
    return replace(_permitted(wish, frame, last_good), on_trust=on_trust)


def _permitted(wish: Wish | Broken, frame: Frame, last_good: Callable[[], Route | None]) -> Verdict:
    def held() -> Route | None:
        found = last_good()
        return found if found is None else resolve(found, frame)

    if isinstance(wish, Broken):
        return _instead(held(), invalid(wish))
    if wish.runtime != frame.runtime.name:
        return _instead(held(), (_no_runtime(wish, frame),))
    form = resolve(wish.route, frame)
    warnings = tuple(_warnings(wish, frame))
    if found := _mismatch(wish, frame):
        return _instead(held(), (found, *warnings))
    missing = tuple(_missing(wish, frame))
    if missing and (before := held()) and before != form and is_good(before, frame):
        return _instead(before, (*missing, *warnings))
    return Verdict(form=form, diagnostics=(*missing, *warnings))


def _not_permitted(wish: Wish | Broken, name: str, frame: Frame) -> tuple[Diagnostic, ...]:
    """Say nothing of what the runtime has: that is not this route's business."""
    if isinstance(wish, Broken):
        return invalid(wish)
    if wish.runtime != frame.runtime.name:
        return (_no_runtime(wish, frame),)
    return (refused(name, frame.runtime.name, frame.permission),)


def _instead(held: Route | None, said: tuple[Diagnostic, ...]) -> Verdict:
    """Serve the last good form, where there is one."""
    if held is None:
        return Verdict(form=None, diagnostics=said)
    errors = (replace(one, last_good=True) if one.severity is Severity.ERROR else one for one in said)
    return Verdict(form=held, diagnostics=tuple(errors), last_good=True)


def resolve(route: Route, frame: Frame) -> Route:
    """Mark the backends that exist, and put them into their one order."""
    backends = tuple(sorted((_marked(backend, frame) for backend in route.backends), key=_place))
    return route if backends == route.backends else replace(route, backends=backends)


def _marked(backend: Backend, frame: Frame) -> Backend:
    there = (backend.pool, backend.model) in frame.models
    return backend if backend.resolved is there else replace(backend, resolved=there)


def is_good(route: Route, frame: Frame) -> bool:
    """Tell whether every backend of a resolved route exists and all agree."""
    return all(backend.resolved for backend in route.backends) and _first_mismatch(route, frame) is None


def _place(backend: Backend) -> tuple[str, str, str]:
    return backend.pool, backend.model, backend.version


def _no_runtime(wish: Wish, frame: Frame | None) -> Diagnostic:
    there = f"; the runtime here is {frame.runtime.name}" if frame else ""
    return _error(
        wish,
        Reason.RUNTIME_NOT_FOUND,
        "spec.runtimeRef.name",
        f"there is no usable RuntimeDeployment {wish.runtime}{there}",
        "create it, or name one that is there",
    )


def _missing(wish: Wish, frame: Frame) -> Iterator[Diagnostic]:
    for index, backend in enumerate(wish.route.backends):
        pool = frame.pools.get(backend.pool)
        if pool is None:
            names = ", ".join(sorted(frame.pools)) or "none"
            yield _error(
                wish,
                Reason.POOL_NOT_FOUND,
                f"spec.backends[{index}].pool",
                f"runtime {frame.runtime.name} has no pool {backend.pool}",
                f"name one of its pools ({names}), or add the pool",
            )
        elif (backend.pool, backend.model) not in frame.models:
            shown = [model.name for model in pool.models]
            names = ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
            yield _error(
                wish,
                Reason.MODEL_NOT_FOUND,
                f"spec.backends[{index}].model",
                f"pool {backend.pool} declares no model {backend.model}",
                f"name one of its models ({names}), or declare the model",
            )


def _first_mismatch(route: Route, frame: Frame) -> tuple[int, int, tuple[str, str, str]] | None:
    for (first, one), (index, other) in combinations(enumerate(route.backends), 2):
        here, there = (frame.models.get((backend.pool, backend.model)) for backend in (one, other))
        if here and there and (found := contracts.difference(here, there)):
            return first, index, found
    return None


def _mismatch(wish: Wish, frame: Frame) -> Diagnostic | None:
    found = _first_mismatch(wish.route, frame)
    if found is None:
        return None
    first, index, (what, here, there) = found
    one, other = wish.route.backends[first], wish.route.backends[index]
    return _error(
        wish,
        Reason.CONTRACT_MISMATCH,
        f"spec.backends[{index}].model",
        f"{what} is {there} in model {other.model} of pool {other.pool}, "
        f"and {here} in model {one.model} of pool {one.pool}",
        "give both models the same contract, or serve one of them under a public name of its own",
    )


def _warnings(wish: Wish, frame: Frame) -> Iterator[Diagnostic]:
    route, bound = wish.route, frame.runtime.limits.max_deadline_ms
    if route.affinity_header and sum(backend.weight > 0 for backend in route.backends) < 2:
        yield _warning(
            wish,
            Reason.AFFINITY_UNUSED,
            "spec.affinity.header",
            "the affinity has no effect, since only one backend has a weight above 0",
            "remove it, or add a second backend",
        )
    if route.deadline_ms > bound:
        yield _warning(
            wish,
            Reason.DEADLINE_CAPPED,
            "spec.deadline",
            f"the deadline of {route.deadline_ms} ms has no effect: the runtime's bound is {bound} ms",
            "lower it, or raise spec.limits.maxDeadline of the RuntimeDeployment",
        )


def _error(wish: Wish, reason: Reason, field: str, message: str, remedy: str, *, last_good: bool = False) -> Diagnostic:
    return Diagnostic(
        source=SourceRef(ROUTE, wish.name),
        severity=Severity.ERROR,
        reason=reason,
        field=field,
        message=message,
        remedy=remedy,
    )


def _warning(wish: Wish, reason: Reason, field: str, message: str, remedy: str) -> Diagnostic:
    return replace(_error(wish, reason, field, message, remedy), severity=Severity.WARNING)


_SHOWN = 8
