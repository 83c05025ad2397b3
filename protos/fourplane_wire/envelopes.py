"""Signed envelopes: a payload's bytes and the signatures on them."""

from collections.abc import Iterable
from dataclasses import dataclass

from fourplane.v1 import activation_pb2, snapshot_pb2
from fourplane_wire import canonical
from fourplane_wire.signing import Keyring, Purpose, Signature, SigningKey, signatures_from_pb, signatures_to_pb


@dataclass(frozen=True, slots=True)
class Signed:
    """A payload that somebody vouches for; nobody has looked yet whether they may."""

    purpose: Purpose
    payload: bytes
    signatures: tuple[Signature, ...]

    def verified(self, keyring: Keyring) -> bytes:
        """Return the payload when a trusted key vouches for it; raise SignatureError when not."""
        keyring.verify(self.purpose, self.payload, self.signatures)
        return self.payload


def sign(purpose: Purpose, payload: bytes, keys: Iterable[SigningKey]) -> Signed:
    """Vouch for a payload with each key."""
    return Signed(purpose, payload, tuple(key.sign(purpose, payload) for key in keys))


def manifest_to_pb(signed: Signed) -> snapshot_pb2.SignedManifest:
    """Return a signed manifest as a message."""
    return snapshot_pb2.SignedManifest(manifest=signed.payload, signatures=signatures_to_pb(signed.signatures))


def manifest_from_pb(message: snapshot_pb2.SignedManifest) -> Signed:
    """Return a message as a signed manifest."""
    return Signed(Purpose.MANIFEST, message.manifest, signatures_from_pb(message.signatures))


def encode_signed_manifest(signed: Signed) -> bytes:
    """Return the file of a signed manifest."""
    return canonical.encode(manifest_to_pb(signed))


def decode_signed_manifest(data: bytes) -> Signed:
    """Read the file of a signed manifest; the signatures are still to be verified."""
    return manifest_from_pb(canonical.read(snapshot_pb2.SignedManifest(), data, "the signed manifest"))


def activation_to_pb(signed: Signed) -> activation_pb2.SignedActivation:
    """Return a signed activation as a message."""
    return activation_pb2.SignedActivation(activation=signed.payload, signatures=signatures_to_pb(signed.signatures))


def activation_from_pb(message: activation_pb2.SignedActivation) -> Signed:
    """Return a message as a signed activation."""
    return Signed(Purpose.ACTIVATION, message.activation, signatures_from_pb(message.signatures))


def encode_signed_activation(signed: Signed) -> bytes:
    """Return the file of a signed activation."""
    return canonical.encode(activation_to_pb(signed))


def decode_signed_activation(data: bytes) -> Signed:
    """Read the file of a signed activation; the signatures are still to be verified."""
    return activation_from_pb(canonical.read(activation_pb2.SignedActivation(), data, "the signed activation"))


def provenance_to_pb(signed: Signed) -> snapshot_pb2.SignedProvenance:
    """Return a signed provenance as a message."""
    return snapshot_pb2.SignedProvenance(provenance=signed.payload, signatures=signatures_to_pb(signed.signatures))


def provenance_from_pb(message: snapshot_pb2.SignedProvenance) -> Signed:
    """Return a message as a signed provenance."""
    return Signed(Purpose.PROVENANCE, message.provenance, signatures_from_pb(message.signatures))
