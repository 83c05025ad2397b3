"""Publish one runtime's snapshots: shards, then the manifest, then the one pointer to it, each safe against others."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from fourplane_api import (
    API_VERSION,
    ConfigShard,
    ConfigSnapshot,
    ObjectMeta,
    RuntimeActivation,
    object_name,
    short_form,
)
from fourplane_api.published import MAX_PROVENANCE_BYTES, ConfigSnapshotSpec, RuntimeActivationSpec
from fourplane_core.control.snapshot import Digest
from fourplane_kube import Cluster, ConflictError, ExistsError, Kind, NotFoundError, Object, RefusedError
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT, RUNTIME_ACTIVATION
from fourplane_operator import reading
from fourplane_operator.errors import OvertakenError
from fourplane_operator.guarded import Writer
from fourplane_operator.reading import Stored
from fourplane_wire import canonical
from fourplane_wire.activation import Activation, write_activation
from fourplane_wire.canonical import CONTRACT_VERSION
from fourplane_wire.envelopes import encode_signed_manifest, provenance_to_pb, sign
from fourplane_wire.errors import WireError
from fourplane_wire.manifest import decode_manifest
from fourplane_wire.provenance import Provenance, encode_provenance
from fourplane_wire.signing import Keyring, Purpose, SigningKey
from fourplane_wire.snapshot import Encoded

log = logging.getLogger(__name__)

NEEDED = "fourplane.dev/needed-by"
"""Annotation that is written to what is used again, so that a deletion that was decided before fails."""
_AT_ONCE = 8
"""Shards that are written at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What every publisher uses."""

    cluster: Cluster
    """For reading."""
    writer: Writer
    keys: tuple[SigningKey, ...]
    keyring: Keyring


class Publisher:
    """The writer of one runtime's snapshots for one term of leadership: `begin` first."""

    def __init__(self, access: Access, runtime: str) -> None:
        """Prepare; `runtime` is NAMESPACE/NAME."""
        self._access = access
        self.runtime = runtime
        self._namespace, _, self._name = runtime.partition("/")
        self.active: Activation | None = None
        """The decision that stands."""
        self._version = ""
        self._epoch = 0
        self._owner = ""
        """uid of the RuntimeDeployment that owns what is published."""
        self._there: frozenset[str] = frozenset()
        """Shards that are published and named by the active snapshot."""

    @property
    def version(self) -> int:
        """Return the resourceVersion of the activation as it was last read or written; 0: there is none."""
        return int(self._version or 0)

    @property
    def revision(self) -> tuple[int, int]:
        """Return epoch and sequence of the newest decision."""
        return self._epoch, self._sequence

    async def begin(self, owner: Object, served: tuple[int, int]) -> Stored | None:
        """Take over: raise the epoch above all that was seen, and return the last good snapshot that can be read.

        The activation is rewritten first, as it is: whatever an earlier leader still has under way fails from then on.
        One that comes before what is `served`, or before our own last, is a replay or a backup: it is never signed
        anew, since workers would go back to it.
        """
        newest = max(served, self.revision)
        found = await self._found()
        spec = found["spec"] if found else {}
        self._version = str(found["metadata"]["resourceVersion"]) if found else ""
        self._epoch = max(newest[0], int(spec.get("epoch", 0))) + 1
        self.active, self._there = None, frozenset()
        self._owner = _owner_of(found)
        decision = reading.read_decision(found, self._access.keyring) if found else None
        if decision is None:
            if found:
                log.warning("no key of ours signed the activation of %s: it is replaced", self.runtime)
            return None
        if (decision.epoch, decision.sequence) < newest:
            log.warning("the activation of %s is older than what is served: it is replaced", self.runtime)
        elif owner:
            await self._decide(owner, decision.stable, decision.previous)
        return await self._last_good(decision)

    async def publish(self, owner: Object, encoded: Encoded, provenance: Provenance) -> Activation:
        """Make a snapshot the active one; raise OvertakenError when someone else decided meanwhile."""
        active, is_owned = self.active, self._owner == owner["uid"]
        is_same = active is not None and active.stable == encoded.digest
        if active is not None and is_same and is_owned:
            return active
        there = self._there if is_owned else frozenset()  # what another owner left is collected with it
        await self._store(owner, encoded, provenance, [name for name in encoded.shards if name not in there])
        before = (active.previous if is_same else active.stable) if active else None
        decision = await self._decide(owner, encoded.digest, before)
        self._there, self._owner = frozenset(encoded.shards), owner["uid"]
        return decision

    async def heal(self, owner: Object, encoded: Encoded, provenance: Provenance, there: frozenset[str]) -> bool:
        """Store again what is missing of the active snapshot; `there` has the names of all shards and snapshots."""
        missing = [name for name in encoded.shards if object_name(f"sha256:{name}") not in there]
        if not missing and object_name(encoded.digest) in there:
            return False
        log.warning("what is stored of the active snapshot of %s is not all there: storing it again", self.runtime)
        await self._store(owner, encoded, provenance, missing)
        return True

    async def _found(self) -> Object | None:
        try:
            return await self._access.cluster.get(RUNTIME_ACTIVATION, self._namespace, self._name)
        except NotFoundError:
            return None

    async def _last_good(self, decision: Activation) -> Stored | None:
        for digest in (decision.stable, decision.previous):
            if digest is None:
                continue
            try:
                stored = await reading.read_snapshot(
                    self._access.cluster, self._access.keyring, self._namespace, digest
                )
            except (NotFoundError, WireError) as error:
                log.error("snapshot %s of %s can't be used as the last good one: %s", digest, self.runtime, error)  # noqa: TRY400 - no bug of ours
                continue
            if digest == decision.stable:
                self._there = stored.shards
            return stored
        return None

    async def _store(self, owner: Object, encoded: Encoded, provenance: Provenance, shards: Iterable[str]) -> None:
        counts = {ref.sha256: ref.entries for ref in decode_manifest(encoded.manifest).shards}
        limit = asyncio.Semaphore(_AT_ONCE)

        async def store(name: str) -> None:
            async with limit:
                shard = ConfigShard.of(self._namespace, encoded.shards[name], counts[name])
                await self._ensure(CONFIG_SHARD, shard.document(), owner)

        async with asyncio.TaskGroup() as group:
            for name in shards:
                group.create_task(store(name))
        await self._ensure(CONFIG_SNAPSHOT, self._snapshot(encoded, provenance).document(), owner)

    def _snapshot(self, encoded: Encoded, provenance: Provenance) -> ConfigSnapshot:
        keys = self._access.keys
        signed = encode_signed_manifest(sign(Purpose.MANIFEST, encoded.manifest, keys))
        told = canonical.encode(provenance_to_pb(sign(Purpose.PROVENANCE, encode_provenance(provenance), keys)))
        spec = ConfigSnapshotSpec(
            digest=encoded.digest,
            runtime=self.runtime,
            contract_version=CONTRACT_VERSION,
            manifest=b64encode(signed).decode(),
            shards=tuple(encoded.shards),
            provenance=b64encode(told).decode() if len(told) <= MAX_PROVENANCE_BYTES else "",
        )
        return ConfigSnapshot(
            metadata=ObjectMeta(name=object_name(encoded.digest), namespace=self._namespace), spec=spec
        )

    async def _ensure(self, kind: Kind, body: Object, owner: Object) -> None:
        """Create an immutable object, or make sure of the one that is there."""
        body["metadata"] |= {"ownerReferences": [owner]}
        for _ in range(_TRIES):
            try:
                await self._access.writer.create(kind, self._namespace, body)
            except ExistsError:
                if await self._touched(kind, body, owner):
                    return
            else:
                return
        raise OvertakenError(f"{kind} {body['metadata']['name']} is deleted as fast as it is made")

    async def _touched(self, kind: Kind, body: Object, owner: Object) -> bool:
        """Mark what is there as needed; false where it went meanwhile, or held something else and was removed."""
        name = body["metadata"]["name"]
        mark = {
            "apiVersion": API_VERSION,
            "kind": kind.kind,
            "metadata": {
                "name": name,
                "annotations": {NEEDED: f"{self.runtime} {self._epoch}.{self._sequence}"},
                "ownerReferences": [owner],
            },
        }
        manager = f"fourplane-operator-{owner['uid']}"  # the owners that others noted stay
        try:
            found = await self._access.writer.apply_as(manager, kind, self._namespace, mark)
        except (NotFoundError, RefusedError, ConflictError):
            return False  # applied to nothing, which lacks a spec
        if self._is_right(kind, found, body):
            return True
        log.error("%s %s does not hold what its name says: it is replaced", kind, name)
        await self._access.writer.delete(kind, self._namespace, name, uid=found["metadata"]["uid"])
        return False

    def _is_right(self, kind: Kind, found: Object, body: Object) -> bool:
        if kind is CONFIG_SHARD:
            return bool(found["spec"]["data"] == body["spec"]["data"])
        return all(reading.is_vouched_for(found, body["spec"]["digest"], key) for key in self._access.keys)

    @property
    def _sequence(self) -> int:
        return self.active.sequence if self.active and self.active.epoch == self._epoch else 0

    async def _decide(self, owner: Object, stable: Digest, previous: Digest | None) -> Activation:
        """Replace the activation, in the very version that was read; raise OvertakenError when it is another by now."""
        decision = Activation(
            runtime=self.runtime, epoch=self._epoch, sequence=self._sequence + 1, stable=stable, previous=previous
        )
        body = RuntimeActivation(
            metadata=ObjectMeta(name=self._name, namespace=self._namespace),
            spec=RuntimeActivationSpec(
                runtime=self.runtime,
                activation=b64encode(write_activation(decision, *self._access.keys)).decode(),
                epoch=decision.epoch,
                sequence=decision.sequence,
                stable=stable,
                stable_short=short_form(stable),
                previous=previous or "",
            ),
        ).document()
        body["metadata"] |= {"ownerReferences": [owner]}
        self._version = str((await self._swap(body))["metadata"]["resourceVersion"])
        self.active = decision
        log.info("activated", extra={"runtime": self.runtime, "revision": f"{decision.epoch}.{decision.sequence}"})
        return decision

    async def _swap(self, body: Object) -> Object:
        writer = self._access.writer
        try:
            if not self._version:
                return await writer.create(RUNTIME_ACTIVATION, self._namespace, body)
            body["metadata"]["resourceVersion"] = self._version
            return await writer.replace(RUNTIME_ACTIVATION, self._namespace, body)
        except (ConflictError, ExistsError, NotFoundError) as error:
            found = await self._found()
            if found is not None and found["spec"]["activation"] == body["spec"]["activation"]:
                return found  # it is our own: the answer to the first try was lost
            raise OvertakenError(f"the activation of {self.runtime} is not the one that was read: {error}") from error


def _owner_of(found: Object | None) -> str:
    owners = found["metadata"].get("ownerReferences", []) if found else []
    return str(owners[0]["uid"]) if owners else ""


_TRIES = 3
