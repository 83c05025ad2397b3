"""Provenance: which sources a snapshot was compiled from; beside the digest, never part of it."""

from dataclasses import dataclass

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_core.control.snapshot import Digest
from fourplane_wire import canonical


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Source:
    """One resource that was read."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    """Empty where the resource came from a file."""
    generation: int = 0
    """Generation of the spec; 0 where the resource came from a file."""
    sha256: str = ""
    """Hexadecimal SHA-256 of the spec in canonical form; empty where the resource was not valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a snapshot came from."""

    snapshot: Digest
    sources: tuple[Source, ...]
    revision: str = ""
    """Revision of the sources, such as a commit; empty: not known."""
    compiled_at_ms: int = 0
    """Milliseconds since 1970-01-01 UTC; 0: not recorded, so that equal input gives equal bytes."""


def encode_provenance(provenance: Provenance) -> bytes:
    """Return the bytes that are signed; the order of the sources has no effect."""
    message = pb.Provenance(
        snapshot=provenance.snapshot, revision=provenance.revision, compiled_at_ms=provenance.compiled_at_ms
    )
    for source in sorted(provenance.sources):
        message.sources.add(
            kind=source.kind,
            namespace=source.namespace,
            name=source.name,
            uid=source.uid,
            generation=source.generation,
            sha256=bytes.fromhex(source.sha256),
        )
    return canonical.encode(message)


def decode_provenance(data: bytes) -> Provenance:
    """Parse and check provenance; raise SnapshotInvalidError."""
    message = canonical.read(pb.Provenance(), data, "the provenance")
    return Provenance(
        snapshot=canonical.check_digest(message.snapshot, "the provenance's snapshot"),
        revision=message.revision,
        compiled_at_ms=message.compiled_at_ms,
        sources=tuple(
            Source(
                kind=source.kind,
                namespace=source.namespace,
                name=source.name,
                uid=source.uid,
                generation=source.generation,
                sha256=source.sha256.hex(),
            )
            for source in message.sources
        ),
    )
