"""The branches of one client's stream, by what they answer and where."""

from collections.abc import Iterator

from fourplane_core.outcomes import Outcome
from fourplane_worker.front.branch import Branch
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.lane import Lane
from fourplane_worker.front.messages import BadMessageError
from fourplane_worker.front.serving import Target

MAX_BRANCHES = 64
"""Models that one client's stream may use at once."""


class Branches:
    """Which branch takes a request; those that take no more stay until they have answered."""

    __slots__ = ("_by_key", "_retired")

    def __init__(self) -> None:
        """Start without any."""
        self._by_key: dict[tuple[str, ...], Branch | Lane] = {}
        self._retired: list[Branch | Lane] = []

    def __iter__(self) -> Iterator[Branch | Lane]:
        """Go through all of them, those that take no more included."""
        return iter((*self._by_key.values(), *self._retired))

    def find(self, target: Target, engine: EngineConnection | None) -> Branch | Lane | None:
        """Return the open branch that takes a request; with an engine, the one that goes there.

        A branch is asked no more once the snapshot no longer names its engine, or changed its bounds.
        """
        key = _key(target, engine)
        branch = self._by_key.get(key)
        if branch is None and engine is not None:
            # Where a sequence began while its pool was being connected, its branch is known without an address.
            other = self._by_key.get((*key[:-1], ""))
            branch = other if other and other.engine and other.engine.endpoint is engine.endpoint else None
        if branch is not None and engine is None and not branch.suits(target):
            branch.half_close()
            self._retired.append(self._by_key.pop(key))
            return None
        return branch

    def add(self, branch: Branch | Lane, engine: EngineConnection | None) -> Branch | Lane:
        """Add a branch, where the stream may have one more."""
        if len(self._by_key) + len(self._retired) >= MAX_BRANCHES:
            self._forget_those_over()
        if len(self._by_key) + len(self._retired) >= MAX_BRANCHES:
            raise BadMessageError(Outcome.MESSAGE_TOO_LARGE, f"one stream may use {MAX_BRANCHES} models; open another")
        self._by_key[_key(branch.target, engine)] = branch
        return branch

    def remove(self, branch: Branch | Lane) -> None:
        """Forget a branch that got no engine."""
        self._by_key = {key: other for key, other in self._by_key.items() if other is not branch}

    def _forget_those_over(self) -> None:
        for branch in self._retired:
            if branch.over:
                branch.count()
        self._retired = [branch for branch in self._retired if not branch.over]


def _key(target: Target, engine: EngineConnection | None) -> tuple[str, ...]:
    route, backend = target.plan.route, target.plan.backend
    address = engine.endpoint.address if engine is not None and target.decoupled else ""
    return (route.model, route.version, backend.pool, backend.model, backend.version, address)
