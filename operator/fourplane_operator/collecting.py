"""Garbage: snapshots that nobody needs, and shards that no snapshot names.

Two leaders, or a compile that comes back to an old snapshot, must never lose what they need. So a thing is deleted
only when two looks, some time apart, find it unneeded and unchanged, and only in that very version: whoever needs it
again marks it, which makes it another version.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from fourplane_api import object_name
from fourplane_core.control.snapshot import Digest
from fourplane_kube import Cluster, ConflictError, Kind, NotFoundError, Object
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT
from fourplane_operator.guarded import Writer
from fourplane_operator.metrics import Metrics

log = logging.getLogger(__name__)


class Doomed(NamedTuple):
    """A thing that a look found unneeded."""

    kind: Kind
    name: str
    uid: str
    version: str


@dataclass(slots=True)
class Collector:
    """Looks for garbage in one namespace."""

    namespace: str
    cluster: Cluster
    writer: Writer
    metrics: Metrics
    needed: Callable[[], frozenset[Digest]]
    """Returns the snapshots that are active, about to be, served by a worker, or to go back to."""
    asked: Callable[[], frozenset[str]]
    """Returns the SHA-256 of the shards of those that are about to be: no stored snapshot may name them yet."""
    keep: int
    """How many of a runtime's newest snapshots stay beside those."""
    _seen: frozenset[Doomed] = field(default_factory=frozenset)

    async def look(self) -> int:
        """Delete what two looks found; return how many."""
        snapshots, _ = await self.cluster.list(CONFIG_SNAPSHOT, self.namespace)
        shards = await self.cluster.list_metadata(CONFIG_SHARD, self.namespace)
        found = frozenset(unneeded(snapshots, shards, self.needed(), self.keep, self.asked()))
        # Snapshots first: one without its shards must never be seen.
        now = sorted(found & self._seen, key=lambda one: one.kind is CONFIG_SHARD)
        self._seen = found
        return sum([await self._delete(one) for one in now])

    async def _delete(self, one: Doomed) -> bool:
        try:
            await self.writer.delete(one.kind, self.namespace, one.name, uid=one.uid, resource_version=one.version)
        except (ConflictError, NotFoundError):
            return False  # it is needed again, or gone
        self.metrics.collected.labels(one.kind.kind).inc()
        log.info("collected", extra={"kind": one.kind.kind, "object": f"{self.namespace}/{one.name}"})
        return True


def unneeded(
    snapshots: Iterable[Object],
    shards: Iterable[Object],
    needed: frozenset[Digest],
    keep: int,
    asked: frozenset[str] = frozenset(),
) -> Iterable[Doomed]:
    """Yield what can go, of all snapshots and of the metadata of all shards of a namespace."""
    by_runtime: dict[str, list[Object]] = defaultdict(list)
    for one in snapshots:
        by_runtime[str(one["spec"].get("runtime"))].append(one)
    stay = {object_name(digest) for digest in needed}
    named = {object_name(f"sha256:{name}") for name in asked}
    for ours in by_runtime.values():
        newest = sorted(ours, key=_age, reverse=True)
        for place, one in enumerate(newest):
            if place < keep or one["metadata"]["name"] in stay:
                named.update(object_name(f"sha256:{name}") for name in one["spec"].get("shards", ()))
            else:
                yield _doomed(CONFIG_SNAPSHOT, one)
    for shard in shards:
        if shard["metadata"]["name"] not in named:
            yield _doomed(CONFIG_SHARD, shard)


def _age(one: Object) -> tuple[str, int]:
    metadata = one["metadata"]
    return str(metadata.get("creationTimestamp", "")), int(metadata["resourceVersion"])


def _doomed(kind: Kind, one: Object) -> Doomed:
    metadata = one["metadata"]
    return Doomed(kind, metadata["name"], metadata["uid"], metadata["resourceVersion"])
