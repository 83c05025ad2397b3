"""Snapshots to bytes and back: what a compiler writes and what a worker takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_core.control.snapshot import Digest, Pool, PoolName, Route, Runtime, Snapshot
from fourplane_wire import canonical, trie
from fourplane_wire.entries import Value, encode_entry, entry_key
from fourplane_wire.errors import SnapshotInvalidError
from fourplane_wire.manifest import Manifest, ShardRef, decode_manifest, encode_manifest
from fourplane_wire.values import value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A snapshot as bytes."""

    manifest: bytes
    digest: Digest
    shards: Mapping[str, bytes]
    """By the hexadecimal SHA-256 of their bytes, in the order of the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The checked values of one shard, and what is checked of them in each snapshot that has it."""

    ref: ShardRef
    values: tuple[Value, ...]
    pools: tuple[Pool, ...]
    routes: tuple[Route, ...]
    claims: Mapping[tuple[str, str], Route]
    """By public model and version."""
    backends: frozenset[tuple[PoolName, str, bool]]
    """Pool and model of every backend, and whether they are said to be there."""

    @classmethod
    def of(cls, ref: ShardRef, values: Iterable[Value]) -> "Part":
        """Sort values."""
        found = tuple(values)
        routes = tuple(value for value in found if isinstance(value, Route))
        return cls(
            ref=ref,
            values=found,
            pools=tuple(value for value in found if isinstance(value, Pool)),
            routes=routes,
            claims={(route.model, route.version): route for route in routes},
            backends=frozenset((one.pool, one.model, one.resolved) for route in routes for one in route.backends),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A snapshot that was checked in full, and its parts for reuse."""

    snapshot: Snapshot
    manifest: Manifest
    parts: Mapping[str, Part]
    """By the shards' hexadecimal SHA-256; hand it to the next `decode_snapshot`."""


def encode_trie(runtime: str, root: trie.Node) -> Encoded:
    """Write the manifest over the shards of a trie."""
    shards = list(trie.leaves(root))
    manifest = encode_manifest(Manifest(runtime=runtime, shards=tuple(ref for ref, _ in shards)))
    return Encoded(
        manifest=manifest,
        digest=canonical.digest_of(manifest),
        shards={ref.sha256: leaf.data for ref, leaf in shards},
    )


def encode_snapshot(runtime: Runtime, pools: Iterable[Pool] = (), routes: Iterable[Route] = ()) -> Encoded:
    """Encode values whole; the same values give the same bytes in any order."""
    values: list[Value] = [runtime, *pools, *routes]
    root = trie.update(trie.EMPTY, {entry_key(value): encode_entry(value) for value in values})
    return encode_trie(runtime.name, root)


def decode_shard(ref: ShardRef, data: bytes) -> Part:
    """Check one shard against its reference and return its values.

    A worker that must not stall calls this shard by shard, and then `decode_snapshot` with all of them for reuse.
    """
    where = f"shard {ref.sha256[:12]} at {ref.prefix or 'the root'!r}"
    if len(data) != ref.size_bytes:
        raise SnapshotInvalidError(f"{where} has {len(data)} bytes; the manifest says {ref.size_bytes}")
    if sha256(data).hexdigest() != ref.sha256:
        raise SnapshotInvalidError(f"{where} does not have the content that the manifest names")
    message = canonical.read(pb.Shard(), data, where)
    if len(message.entries) != ref.entries:
        raise SnapshotInvalidError(f"{where} has {len(message.entries)} entries; the manifest says {ref.entries}")
    for before, after in pairwise(message.entries):
        if before.key >= after.key:
            raise SnapshotInvalidError(f"{where} has {before.key!r} before {after.key!r}; keys are in order, each once")
    part = Part.of(ref, map(value_of, message.entries))
    _check_place(part)
    return part


def decode_entry(data: bytes) -> Value:
    """Return the checked value of one encoded entry."""
    message = canonical.read(pb.Shard(), data, "the entry")
    if len(message.entries) != 1:
        raise SnapshotInvalidError(f"the entry has {len(message.entries)} values")
    return value_of(message.entries[0])


def decode_snapshot(manifest: bytes, shards: Mapping[str, bytes], reuse: Mapping[str, Part] | None = None) -> Decoded:
    """Check everything and return the snapshot; raise a WireError that names what is wrong.

    Shards are taken from `reuse` where it has them, so that a swap costs only what changed; `shards` has the rest.
    Signatures are somebody else's business: verify them first.
    """
    read = decode_manifest(manifest)
    parts = {ref.sha256: _part(ref, shards, reuse or {}) for ref in read.shards}
    runtimes = [value for part in parts.values() for value in _frame(part) if isinstance(value, Runtime)]
    if len(runtimes) != 1 or runtimes[0].name != read.runtime:
        raise SnapshotInvalidError(f"the shards do not hold the runtime {read.runtime!r} that the manifest names")
    snapshot = Snapshot(
        digest=canonical.digest_of(manifest),
        runtime=runtimes[0],
        pools=tuple(pool for part in parts.values() for pool in part.pools),
        routes=tuple(route for part in parts.values() for route in part.routes),
    )
    if not _agree(snapshot, parts.values()):
        _check_routes(snapshot)
    return Decoded(snapshot=snapshot, manifest=read, parts=parts)


def _part(ref: ShardRef, shards: Mapping[str, bytes], reuse: Mapping[str, Part]) -> Part:
    known = reuse.get(ref.sha256)
    if known is not None:
        if known.ref == ref:
            return known
        part = replace(known, ref=ref)
        if (known.ref.size_bytes, known.ref.entries) == (ref.size_bytes, ref.entries):
            _check_place(part)
            return part
    data = shards.get(ref.sha256)
    if data is None:
        raise SnapshotInvalidError(f"shard {ref.sha256} of the manifest is missing")
    return decode_shard(ref, data)


def _check_place(part: Part) -> None:
    for value in part.values:
        key = entry_key(value)
        if not trie.is_below(trie.path_of(key), part.ref.prefix):
            raise SnapshotInvalidError(f"entry {key!r} does not belong into the shard at {part.ref.prefix!r}")


def _frame(part: Part) -> Iterable[Value]:
    """Return what is no route, or more: a shard of routes alone need not be looked through."""
    return part.values if len(part.values) > len(part.routes) else ()


def _agree(snapshot: Snapshot, parts: Iterable[Part]) -> bool:
    """Tell whether routes fit together and to the pools: what `_check_routes` says, without a look at each route."""
    models = {(pool.name, model.name) for pool in snapshot.pools for model in pool.models}
    claims: dict[tuple[str, str], Route] = {}
    backends: set[tuple[PoolName, str, bool]] = set()
    for part in parts:
        claims.update(part.claims)
        backends |= part.backends
    resolved = all(there == ((pool, model) in models) for pool, model, there in backends)
    return resolved and len(claims) == len(snapshot.routes)


def _check_routes(snapshot: Snapshot) -> None:
    models = {(pool.name, model.name) for pool in snapshot.pools for model in pool.models}
    claims: dict[tuple[str, str], Route] = {}
    for route in snapshot.routes:
        other = claims.setdefault((route.model, route.version), route)
        if other is not route:
            raise _fault_of(
                route,
                f"routes {other.name!r} and {route.name!r} both serve model {route.model!r} version {route.version!r}",
            )
        for backend in route.backends:
            if backend.resolved != ((backend.pool, backend.model) in models):
                state = "resolved" if backend.resolved else "unresolved"
                raise _fault_of(
                    route,
                    f"route {route.name!r}: model {backend.model!r} of pool {backend.pool!r} is said to be {state}",
                )


def _fault_of(value: Value, message: str) -> SnapshotInvalidError:
    error = SnapshotInvalidError(message)
    error.entry = entry_key(value)
    return error
