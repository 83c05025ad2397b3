"""Routes as the local services see them: found as the planner finds them, with the engines behind them."""

from collections.abc import Mapping
from dataclasses import dataclass

from fourplane_core.control.plan import Facts, Planner, RoutePlans
from fourplane_core.control.snapshot import Backend, Route
from fourplane_core.outcomes import Outcome, Refusal
from fourplane_worker.front.front import Front
from fourplane_worker.front.pools import Pool
from fourplane_worker.local.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend of a route that takes traffic, and the engines that serve it."""

    route: Route
    backend: Backend
    pool: Pool


class Routes:
    """The routes of the snapshot of this moment."""

    def __init__(self, front: Front) -> None:
        """Take the front, whose snapshot it is."""
        self._front = front
        self._versions: tuple[Planner | None, Mapping[str, tuple[str, ...]]] = None, {}

    def planner(self) -> Planner:
        """Return the active snapshot's planner; raise RefusedError where there is none, or its callers need a name."""
        serving = self._front.serving
        if serving is None:
            raise RefusedError.of(self._front.no_snapshot)
        planner = serving.planner
        if not planner.snapshot.runtime.anonymous:
            raise _refused(planner, "", "")
        return planner

    def find(self, planner: Planner, model: str, version: str) -> RoutePlans:
        """Return the route of a public name; raise RefusedError with what the planner says of an unknown one."""
        found = planner.routes.get((model, version))
        if found is None:
            raise _refused(planner, model, version)
        return found

    def all(self, planner: Planner) -> tuple[RoutePlans, ...]:
        """Return every route, under the version that it declares."""
        return tuple(planner.routes[route.model, route.version] for route in planner.snapshot.routes)

    def candidates(self, found: RoutePlans) -> tuple[Candidate, ...]:
        """Return the backends with weight whose pool and model exist."""
        pools = self._front.pools
        return tuple(
            Candidate(found.route, plan.backend, pools[plan.backend.pool])
            for plan in found.plans
            if plan.weight > 0 and plan.pool is not None and plan.backend.pool in pools
        )

    def some_candidates(self, planner: Planner, found: RoutePlans) -> tuple[Candidate, ...]:
        """Return the candidates; raise RefusedError with what the planner says where there are none."""
        candidates = self.candidates(found)
        if not candidates:
            raise _refused(planner, found.route.model, found.route.version)
        return candidates

    def versions(self, planner: Planner, model: str) -> tuple[str, ...]:
        """Return the versions that callers can name of a public model, the oldest first."""
        known, versions = self._versions
        if known is not planner:
            gathered: dict[str, list[str]] = {}
            for route in planner.snapshot.routes:
                if route.version:
                    gathered.setdefault(route.model, []).append(route.version)
            versions = {name: tuple(sorted(values, key=_age)) for name, values in gathered.items()}
            self._versions = planner, versions
        return versions.get(model, ())


def _age(version: str) -> tuple[bool, int, str]:
    return (True, int(version), "") if version.isdecimal() else (False, 0, version)


def _refused(planner: Planner, model: str, version: str) -> RefusedError:
    """Return the planner's refusal: the same words for the same question, whoever asks it."""
    refusal = planner.plan(Facts(model=model, version=version, draw=0))
    if isinstance(refusal, Refusal):
        return RefusedError.of(refusal)
    return RefusedError(Outcome.BACKEND_UNRESOLVED, f"route {refusal.route.name} has no backend that exists")
