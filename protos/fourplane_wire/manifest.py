"""The manifest: which shards make up a snapshot; the hash of its bytes is the snapshot's name."""

from dataclasses import dataclass
from itertools import pairwise

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_wire import canonical
from fourplane_wire.canonical import CONTRACT_VERSION
from fourplane_wire.errors import SnapshotInvalidError

MAX_SHARD_BYTES = 256 * 1024
"""Largest shard that is taken, in bytes; only a single large entry comes near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRef:
    """One shard by its content."""

    prefix: str
    """Leading bits of sha-256(key) that its entries share, as 0 and 1; empty: the root."""
    sha256: str
    """64 hexadecimal digits."""
    size_bytes: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot consists of."""

    runtime: str
    """`NAMESPACE/NAME`."""
    shards: tuple[ShardRef, ...]
    contract_version: str = CONTRACT_VERSION


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes that a snapshot is named after."""
    message = pb.Manifest(contract_version=manifest.contract_version, runtime=manifest.runtime)
    for ref in manifest.shards:
        message.shards.add(
            prefix=ref.prefix, sha256=bytes.fromhex(ref.sha256), size_bytes=ref.size_bytes, entries=ref.entries
        )
    return canonical.encode(message)


def decode_manifest(data: bytes) -> Manifest:
    """Parse and check a manifest; raise SnapshotInvalidError or ContractVersionError."""
    message = canonical.parse(pb.Manifest(), data, "the manifest")
    canonical.check_version("the manifest", message.contract_version)
    canonical.require(message, data, "the manifest")
    canonical.check_path(message.runtime, "the manifest's runtime")
    shards = tuple(_ref(shard) for shard in message.shards)
    for before, after in pairwise(shards):
        if before.prefix >= after.prefix or after.prefix.startswith(before.prefix):
            raise SnapshotInvalidError(
                f"the manifest's shards {before.prefix!r} and {after.prefix!r} overlap or are out of order"
            )
    return Manifest(contract_version=message.contract_version, runtime=message.runtime, shards=shards)


def _ref(shard: pb.ShardRef) -> ShardRef:
    where = f"shard {shard.prefix[:_BITS]!r} of the manifest"
    if len(shard.prefix) > _BITS or shard.prefix.strip("01"):
        raise SnapshotInvalidError(f"{where} has a prefix that is not made of at most {_BITS} bits")
    if len(shard.sha256) != _HASH_BYTES:
        raise SnapshotInvalidError(f"{where} has a hash of {len(shard.sha256)} bytes; it takes {_HASH_BYTES}")
    if not shard.entries or not 0 < shard.size_bytes <= MAX_SHARD_BYTES:
        raise SnapshotInvalidError(
            f"{where} has {shard.entries} entries in {shard.size_bytes} bytes; "
            f"a shard holds at least 1 in at most {MAX_SHARD_BYTES}"
        )
    return ShardRef(prefix=shard.prefix, sha256=shard.sha256.hex(), size_bytes=shard.size_bytes, entries=shard.entries)


_BITS = 256
_HASH_BYTES = 32
