"""ConfigShard, ConfigSnapshot and RuntimeActivation: what the operator publishes, in the very bytes of a state folder.

The fields beside the bytes are for people, printer columns and rules; a worker goes by the bytes, which it verifies.
"""

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Annotated, ClassVar, Self

from pydantic import Field, StrictInt, StrictStr

from fourplane_api.base import ABSENT, ApiModel, Rule, Transition
from fourplane_api.digests import Digest, DigestOrNone, Sha256, ShortDigest, object_name, short_form
from fourplane_api.meta import ObjectMeta, Resource
from fourplane_api.values import BASE64, EXACT_MAX, ContractVersion, RuntimePath

MAX_SHARD_BYTES = 256 * 1024
MAX_SHARDS = 4096
MAX_MANIFEST_BYTES = 256 * 1024
MAX_PROVENANCE_BYTES = 512 * 1024
"""With 4096 shards and the largest manifest, what still fits into the 1.5 MiB that etcd takes."""
MAX_ACTIVATION_BYTES = 6 * 1024

Counter = Annotated[StrictInt, Field(ge=0, le=EXACT_MAX)]

FROZEN = Transition(
    "self == oldSelf",
    "snapshots are immutable: make another one, under the name of its own hash",
    lambda new, old: new == old,
)
SIZE_IS_RIGHT = Rule(
    "self.sizeBytes == self.data.size() / 4 * 3 - (self.data.endsWith('==') ? 2 : self.data.endsWith('=') ? 1 : 0)",
    "sizeBytes must be the number of bytes in data",
    lambda shard: shard.size_bytes == len(shard.data) // 4 * 3 - shard.data.count("="),
)
SHARD_NAME_IS_HASH = Rule(
    "self.metadata.name == 'sha256-' + self.spec.sha256",
    "a shard must have the name sha256-SHA256, its spec.sha256",
    lambda shard: shard.metadata.name == object_name(f"sha256:{shard.spec.sha256}"),
)
SNAPSHOT_NAME_IS_DIGEST = Rule(
    "self.metadata.name == self.spec.digest.replace(':', '-')",
    "a snapshot must have the name sha256-DIGITS, those of its spec.digest",
    lambda snapshot: snapshot.metadata.name == object_name(snapshot.spec.digest),
)
STABLE_SHORT = Rule(
    "self.stable.startsWith('sha256:' + self.stableShort)",
    "stableShort must be the first 12 digits of stable",
    lambda spec: spec.stable_short == short_form(spec.stable),
)
NAME_IS_RUNTIME = Rule(
    "self.spec.runtime.endsWith('/' + self.metadata.name)",
    "an activation must have the name of its runtime",
    lambda activation: activation.spec.runtime.partition("/")[2] == activation.metadata.name,
)
RUNTIME_STAYS = Transition(
    "self.runtime == oldSelf.runtime",
    "an activation cannot be given to another runtime",
    lambda new, old: new.runtime == old.runtime,
)
NEVER_BACK = Transition(
    "self.epoch > oldSelf.epoch || (self.epoch == oldSelf.epoch && self.sequence >= oldSelf.sequence)",
    "epoch and sequence never go down: a rollback is a newer decision too",
    lambda new, old: (new.epoch, new.sequence) >= (old.epoch, old.sequence),
)
# Another signature on the same decision is welcome: keys are rotated.
ONE_DECISION_EACH = Transition(
    "self.epoch != oldSelf.epoch || self.sequence != oldSelf.sequence"
    " || (self.stable == oldSelf.stable && self.previous == oldSelf.previous)",
    "another decision takes a higher sequence or epoch",
    lambda new, old: (
        (new.epoch, new.sequence) != (old.epoch, old.sequence)
        or (new.stable, new.previous) == (old.stable, old.previous)
    ),
)


class ConfigShardSpec(ApiModel):
    """The shard. Cannot be changed."""

    cel: ClassVar[tuple[Rule, ...]] = (SIZE_IS_RIGHT,)
    transitions: ClassVar[tuple[Transition, ...]] = (FROZEN,)

    sha256: Sha256 = Field(description="SHA-256 of the shard's bytes, as 64 hexadecimal digits.")
    size_bytes: StrictInt = Field(ge=1, le=MAX_SHARD_BYTES, description="Length of the shard, in bytes.")
    entries: StrictInt = Field(ge=1, le=MAX_SHARD_BYTES, description="How many entries it holds, as a count.")
    data: Annotated[StrictStr, Field(max_length=-(-MAX_SHARD_BYTES // 3) * 4), BASE64] = Field(
        description="The shard's bytes, in base64; at most 262144 (256 KiB) of them."
    )

    @property
    def payload(self) -> bytes:
        """Return the shard's bytes, which may have another hash than they should."""
        return b64decode(self.data)


class ConfigShard(Resource):
    """A part of snapshots, named after its content; any number of snapshots share it."""

    cel: ClassVar[tuple[Rule, ...]] = (SHARD_NAME_IS_HASH,)

    spec: ConfigShardSpec = Field(description="The shard. Cannot be changed.")

    @classmethod
    def of(cls, namespace: str, data: bytes, entries: int) -> Self:
        """Wrap the bytes of a shard, which give it its name."""
        digest = sha256(data).hexdigest()
        spec = ConfigShardSpec(
            sha256=digest, size_bytes=len(data), entries=entries, data=b64encode(data).decode("ascii")
        )
        return cls(metadata=ObjectMeta(name=object_name(f"sha256:{digest}"), namespace=namespace), spec=spec)


class ConfigSnapshotSpec(ApiModel):
    """The snapshot. Cannot be changed."""

    transitions: ClassVar[tuple[Transition, ...]] = (FROZEN,)

    digest: Digest = Field(description="Name of the snapshot: `sha256:` and 64 hexadecimal digits.")
    runtime: RuntimePath = Field(description="NAMESPACE/NAME of the RuntimeDeployment that it was compiled for.")
    contract_version: ContractVersion = Field(description="Version of the contract that its bytes are written in.")
    manifest: Annotated[StrictStr, Field(max_length=-(-MAX_MANIFEST_BYTES // 3) * 4), BASE64] = Field(
        description="The signed manifest, in base64; at most 262144 bytes (256 KiB)."
    )
    shards: Annotated[
        tuple[Sha256, ...],
        Field(max_length=MAX_SHARDS, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = Field(description="SHA-256 of each of its shards, in the manifest's order; each is a ConfigShard.")
    provenance: Annotated[StrictStr, Field(max_length=-(-MAX_PROVENANCE_BYTES // 3) * 4), BASE64] = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Which sources it was compiled from, signed, in base64; at most 524288 bytes (512 KiB)."
        " Default: not told, as where it is larger than that.",
    )

    @property
    def manifest_payload(self) -> bytes:
        """Return the signed manifest, not verified."""
        return b64decode(self.manifest)

    @property
    def provenance_payload(self) -> bytes:
        """Return the signed provenance, not verified; empty where there is none."""
        return b64decode(self.provenance)


class ConfigSnapshot(Resource):
    """A whole compiled configuration of one runtime, named after its content; its shards are objects of their own."""

    cel: ClassVar[tuple[Rule, ...]] = (SNAPSHOT_NAME_IS_DIGEST,)

    spec: ConfigSnapshotSpec = Field(description="The snapshot. Cannot be changed.")


class RuntimeActivationSpec(ApiModel):
    """What the runtime serves."""

    cel: ClassVar[tuple[Rule, ...]] = (STABLE_SHORT,)
    transitions: ClassVar[tuple[Transition, ...]] = (RUNTIME_STAYS, NEVER_BACK, ONE_DECISION_EACH)

    runtime: RuntimePath = Field(description="NAMESPACE/NAME of the RuntimeDeployment. Cannot be changed.")
    activation: Annotated[StrictStr, Field(max_length=-(-MAX_ACTIVATION_BYTES // 3) * 4), BASE64] = Field(
        description="The signed activation, in base64; it says all that the other fields say."
    )
    epoch: Counter = Field(description="Raised whenever another writer takes over; never goes down.")
    sequence: Counter = Field(description="Raised at every change within an epoch.")
    stable: Digest = Field(description="Digest of the snapshot to serve.")
    stable_short: ShortDigest = Field(description="The first 12 hexadecimal digits of `stable`, for tables.")
    # The empty default is filled in, so that a rule may compare it.
    previous: DigestOrNone = Field(
        default="", description="Digest of the snapshot that was served before. Default: empty, there was none."
    )

    @property
    def payload(self) -> bytes:
        """Return the signed activation, not verified."""
        return b64decode(self.activation)


class RuntimeActivation(Resource):
    """Which snapshot a runtime serves; of the machine-written kinds, the one that the workers of a runtime follow."""

    cel: ClassVar[tuple[Rule, ...]] = (NAME_IS_RUNTIME,)

    spec: RuntimeActivationSpec = Field(description="What the runtime serves.")
