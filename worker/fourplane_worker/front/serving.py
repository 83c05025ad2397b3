"""A snapshot made ready for the front: plans with the bytes that they stand for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fourplane_core.control.plan import Metadata, Plan, Planner
from fourplane_core.control.snapshot import Digest, PoolName
from fourplane_core.outcomes import Refusal
from fourplane_http2 import encode
from fourplane_wire import oip
from fourplane_wire.oip import RequestScan
from fourplane_worker.front.incoming import Incoming
from fourplane_worker.front.pools import Pool
from fourplane_worker.telemetry.cells import Cells, Series

if TYPE_CHECKING:
    from fourplane_worker.front.sequences import Pinned


class Target:
    """A plan under one snapshot, and everything about it that can be encoded once."""

    __slots__ = (
        "answer_suffix", "decoupled", "digest", "engine_name", "plan", "pool", "public_name", "request_suffix",
        "response_suffix", "series", "where",
    )  # fmt: skip

    def __init__(self, digest: Digest, plan: Plan, pool: Pool, series: Series) -> None:
        """Encode what the plan decided."""
        self.digest = digest
        route, backend = plan.route, plan.backend
        self.plan = plan
        self.pool = pool
        self.series = series
        self.decoupled = plan.model is not None and plan.model.decoupled
        self.engine_name = backend.model.encode()
        self.public_name = route.model.encode()
        self.request_suffix = oip.request_suffix(backend.model, backend.version)
        self.response_suffix = oip.response_suffix(route.model, route.version)
        self.answer_suffix = oip.FINAL_RESPONSE + self.response_suffix
        """What a response gets that comes from a call and goes out on a stream."""
        self.where = where_block((self,))


def where_block(targets: tuple[Target, ...]) -> bytes:
    """Return the trailers that say which snapshot, route and backends answered."""

    def joined(values: list[str]) -> bytes:
        return ",".join(dict.fromkeys(values)).encode()

    plans = [target.plan for target in targets]
    return encode(
        (
            (b"x-fourplane-digest", joined([target.digest for target in targets])),
            (b"x-fourplane-route", joined([plan.route.name for plan in plans])),
            (b"x-fourplane-pool", joined([plan.backend.pool for plan in plans])),
            (b"x-fourplane-backend", joined([_backend(plan) for plan in plans])),
        )
    )


def _backend(plan: Plan) -> str:
    version = plan.backend.version
    return f"{plan.backend.model}:{version}" if version else plan.backend.model


class Serving:
    """One activated snapshot in one process."""

    def __init__(self, planner: Planner, pools: Mapping[PoolName, Pool], cells: Cells) -> None:
        """Take a prepared snapshot and the pools that it names."""
        self.planner = planner
        self.limits = planner.snapshot.runtime.limits
        self.telemetry = planner.snapshot.runtime.telemetry
        self.digest = planner.snapshot.digest
        self.digest_block = encode(((b"x-fourplane-digest", self.digest.encode()),))
        self._pools = pools
        self._cells = cells
        self._targets: dict[Plan, Target] = {}
        self._settled: dict[tuple[bytes | None, bytes], Target] = {}

    def settled(self, scan: RequestScan) -> Target | None:
        """Return the target of an earlier message with the same model and version, where those decided alone."""
        return self._settled.get((scan.model, scan.version))

    def choose(self, incoming: Incoming, metadata: Metadata, pinned: "Pinned | None") -> Target | Refusal:
        """Plan one message; a sequence keeps its plan, as long as its caller is served at all."""
        if pinned is not None:
            return self.planner.authenticate() or pinned.target
        plan = self.planner.plan(incoming.facts(metadata))
        if isinstance(plan, Refusal):
            return plan
        target = self.target(plan)
        if plan.alone:
            self._settled[incoming.scan.model, incoming.scan.version] = target
        return target

    def target(self, plan: Plan) -> Target:
        """Return the target of a plan of this snapshot."""
        target = self._targets.get(plan)
        if target is None:
            series = self._cells.series(plan.route.name, plan.backend.pool, _backend(plan))
            target = self._targets[plan] = Target(self.digest, plan, self._pools[plan.backend.pool], series)
        return target
