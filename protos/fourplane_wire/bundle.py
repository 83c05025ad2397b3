"""Bundles: a whole signed snapshot in one file."""

from dataclasses import dataclass
from hashlib import sha256

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_wire import canonical, envelopes
from fourplane_wire.activation import Activation, decode_activation, encode_activation
from fourplane_wire.errors import ContractVersionError, SnapshotInvalidError
from fourplane_wire.provenance import Provenance, decode_provenance, encode_provenance
from fourplane_wire.signing import Keyring, Purpose, SigningKey
from fourplane_wire.snapshot import Decoded, Encoded, decode_snapshot

_MAGIC = b"fourplane-bundle "
_HEADER_BYTES = len(_MAGIC) + len(b"1 sha256:") + 64 + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A bundle of which every byte was checked; whether it was verified depends on the keyring that was given."""

    decoded: Decoded
    manifest: envelopes.Signed
    shards: dict[str, bytes]
    """By the hexadecimal SHA-256 of their bytes."""
    provenance: Provenance | None
    activation: Activation | None
    signed_activation: envelopes.Signed | None


def write_bundle(
    encoded: Encoded,
    *keys: SigningKey,
    provenance: Provenance | None = None,
    activation: Activation | None = None,
) -> bytes:
    """Sign a snapshot and return its bundle; equal input gives equal bytes."""
    bundle = pb.Bundle(
        manifest=envelopes.manifest_to_pb(envelopes.sign(Purpose.MANIFEST, encoded.manifest, keys)),
        shards=encoded.shards.values(),
    )
    if provenance is not None:
        payload = encode_provenance(provenance)
        bundle.provenance.CopyFrom(envelopes.provenance_to_pb(envelopes.sign(Purpose.PROVENANCE, payload, keys)))
    if activation is not None:
        payload = encode_activation(activation)
        bundle.activation.CopyFrom(envelopes.activation_to_pb(envelopes.sign(Purpose.ACTIVATION, payload, keys)))
    body = canonical.encode(bundle)
    return b"%b1 sha256:%b\n%b" % (_MAGIC, sha256(body).hexdigest().encode(), body)


def read_bundle(data: bytes, keyring: Keyring | None) -> Opened:
    """Check a bundle and return what is in it; raise a WireError that names what is wrong.

    With None for the keyring the signatures are not looked at: for showing what is in a bundle, never for serving it.
    """
    bundle = canonical.read(pb.Bundle(), _body(data), "the bundle")
    manifest = envelopes.manifest_from_pb(bundle.manifest)
    if keyring is not None:
        manifest.verified(keyring)
    shards = {sha256(shard).hexdigest(): shard for shard in bundle.shards}
    decoded = decode_snapshot(manifest.payload, shards)
    if [ref.sha256 for ref in decoded.manifest.shards] != [sha256(shard).hexdigest() for shard in bundle.shards]:
        raise SnapshotInvalidError("the bundle's shards are not those of its manifest, in its order")
    provenance = _provenance(bundle, keyring, decoded)
    signed = envelopes.activation_from_pb(bundle.activation) if bundle.HasField("activation") else None
    return Opened(
        decoded=decoded,
        manifest=manifest,
        shards=shards,
        provenance=provenance,
        activation=_activation(signed, keyring, decoded) if signed else None,
        signed_activation=signed,
    )


def is_bundle(head: bytes) -> bool:
    """Tell by its first bytes whether a file claims to be a bundle."""
    return head.startswith(_MAGIC)


def _body(data: bytes) -> bytes:
    header, body = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    if not is_bundle(header):
        raise SnapshotInvalidError("this is no fourplane bundle; `fourplane compile DIR -o BUNDLE` makes one")
    version, _, rest = header[len(_MAGIC) :].partition(b" ")
    if version != b"1":
        raise ContractVersionError("the bundle", version.decode("ascii", "replace"), 1, 1)
    if rest != b"sha256:%b\n" % sha256(body).hexdigest().encode():
        raise SnapshotInvalidError("the bundle is damaged: its content does not have the hash in its first line")
    return body


def _provenance(bundle: pb.Bundle, keyring: Keyring | None, decoded: Decoded) -> Provenance | None:
    if not bundle.HasField("provenance"):
        return None
    signed = envelopes.provenance_from_pb(bundle.provenance)
    provenance = decode_provenance(signed.payload if keyring is None else signed.verified(keyring))
    if provenance.snapshot != decoded.snapshot.digest:
        raise SnapshotInvalidError(f"the bundle's provenance is that of {provenance.snapshot}")
    return provenance


def _activation(signed: envelopes.Signed, keyring: Keyring | None, decoded: Decoded) -> Activation:
    activation = decode_activation(signed.payload if keyring is None else signed.verified(keyring))
    if (activation.stable, activation.runtime) != (decoded.snapshot.digest, decoded.manifest.runtime):
        raise SnapshotInvalidError(f"the bundle's activation is of {activation.stable} for {activation.runtime}")
    return activation
