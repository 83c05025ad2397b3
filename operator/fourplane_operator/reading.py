"""Published snapshots and activations, read back and verified."""

import asyncio
from base64 import b64decode
from dataclasses import dataclass

from fourplane_api import object_name
from fourplane_core.control.snapshot import Digest, Snapshot
from fourplane_kube import Cluster, Object
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT
from fourplane_wire import canonical
from fourplane_wire.activation import Activation, read_activation
from fourplane_wire.envelopes import decode_signed_manifest
from fourplane_wire.errors import SnapshotInvalidError, WireError
from fourplane_wire.manifest import decode_manifest
from fourplane_wire.signing import Keyring, SigningKey
from fourplane_wire.snapshot import decode_snapshot

_AT_ONCE = 8
"""Shards that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A snapshot as the API server has it."""

    snapshot: Snapshot
    shards: frozenset[str]
    """SHA-256 of each."""
    signers: frozenset[str]
    """Ids of the keys that vouch for it."""


async def read_snapshot(cluster: Cluster, keyring: Keyring, namespace: str, digest: Digest) -> Stored:
    """Fetch a snapshot and check every byte; raise a KubeError or a WireError."""
    found = await cluster.get(CONFIG_SNAPSHOT, namespace, object_name(digest))
    signed = decode_signed_manifest(_bytes(found, "manifest"))
    manifest = signed.verified(keyring)
    if canonical.digest_of(manifest) != digest:
        raise SnapshotInvalidError(f"{object_name(digest)} holds the manifest {canonical.digest_of(manifest)}")
    limit = asyncio.Semaphore(_AT_ONCE)

    async def shard(sha256: str) -> bytes:
        async with limit:
            return _bytes(await cluster.get(CONFIG_SHARD, namespace, object_name(f"sha256:{sha256}")), "data")

    names = [ref.sha256 for ref in decode_manifest(manifest).shards]
    data = await asyncio.gather(*(shard(name) for name in names))
    snapshot = decode_snapshot(manifest, dict(zip(names, data, strict=True))).snapshot
    return Stored(snapshot, frozenset(names), frozenset(one.key_id for one in signed.signatures))


def is_vouched_for(found: Object, digest: Digest, key: SigningKey) -> bool:
    """Tell whether a ConfigSnapshot holds the manifest of that digest, and a key vouches for it."""
    try:
        manifest = decode_signed_manifest(_bytes(found, "manifest")).verified(Keyring([key.public]))
    except WireError:
        return False
    return canonical.digest_of(manifest) == digest


def read_decision(found: Object, keyring: Keyring) -> Activation | None:
    """Return the decision in a RuntimeActivation; None where no key of ours vouches for it."""
    try:
        return read_activation(_bytes(found, "activation"), keyring)
    except WireError:
        return None


def _bytes(found: Object, name: str) -> bytes:
    try:
        return b64decode(found["spec"][name], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotInvalidError(f"spec.{name} of {found['metadata'].get('name')} is no base64 text") from error
