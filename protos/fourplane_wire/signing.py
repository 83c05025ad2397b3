"""Ed25519 signatures over manifests, activations and provenance, each under a domain of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fourplane.v1 import activation_pb2 as pb
from fourplane_wire.errors import SignatureError

SEED_BYTES = 32
"""Random bytes that a new key is made from."""


@unique
class Purpose(Enum):
    """What is signed; the prefix keeps a signature on one kind from serving for another."""

    MANIFEST = b"fourplane.dev/v1/manifest\0"
    ACTIVATION = b"fourplane.dev/v1/activation\0"
    PROVENANCE = b"fourplane.dev/v1/provenance\0"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who vouches, and how."""

    key_id: str
    """First 16 hexadecimal digits of the SHA-256 of the raw public key."""
    ed25519: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Verifies signatures."""

    raw: bytes
    """32 bytes."""

    @property
    def key_id(self) -> str:
        """Name the key."""
        return sha256(self.raw).hexdigest()[:16]

    def pem(self) -> bytes:
        """Return the key as `openssl pkey -pubin` reads it."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @classmethod
    def from_pem(cls, data: bytes) -> "PublicKey":
        """Read a public key, or the public half of a private one."""
        if b"PRIVATE KEY" in data:
            return SigningKey.from_pem(data).public
        try:
            key = serialization.load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignatureError("this is no public key in PEM form; make one with `fourplane keygen`") from error
        if not isinstance(key, Ed25519PublicKey):
            raise SignatureError("this public key is not an Ed25519 key; make one with `fourplane keygen`")
        return cls(key.public_bytes_raw())


class SigningKey:
    """Makes signatures; keeps the private key out of every representation."""

    def __init__(self, seed: bytes) -> None:
        """Make the key of a seed of 32 random bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    def sign(self, purpose: Purpose, payload: bytes) -> Signature:
        """Vouch for a payload."""
        return Signature(self.public.key_id, self._key.sign(purpose.value + payload))

    def pem(self) -> bytes:
        """Return the private key in PKCS 8 form, not encrypted."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @classmethod
    def from_pem(cls, data: bytes) -> "SigningKey":
        """Read a private key that `pem` or `openssl genpkey -algorithm ed25519` wrote."""
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SignatureError(
                "this is no private key in PEM form without a password; see `fourplane keygen`"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SignatureError("this private key is not an Ed25519 key; make one with `fourplane keygen`")
        return cls(key.private_bytes_raw())


class Keyring:
    """The public keys that are trusted."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        """Trust these keys; two of them overlap while one replaces the other."""
        self._keys = {key.key_id: Ed25519PublicKey.from_public_bytes(key.raw) for key in keys}

    def verify(self, purpose: Purpose, payload: bytes, signatures: Iterable[Signature]) -> tuple[str, ...]:
        """Return the ids of the trusted keys that vouch for the payload; raise SignatureError when there are none.

        Signatures of unknown keys are passed over. One of a trusted key that doesn't match is refused outright.
        """
        given = tuple(signatures)
        known = [signature for signature in given if signature.key_id in self._keys]
        what = purpose.name.lower()
        if not known:
            by = ", ".join(sorted(signature.key_id for signature in given)) or "nobody"
            trusted = ", ".join(sorted(self._keys)) or "none"
            raise SignatureError(f"the {what} is signed by {by}, and the trusted keys are {trusted}")
        for signature in known:
            try:
                self._keys[signature.key_id].verify(signature.ed25519, purpose.value + payload)
            except InvalidSignature as error:
                raise SignatureError(f"the {what}'s signature by key {signature.key_id} does not match it") from error
        return tuple(signature.key_id for signature in known)


def signatures_to_pb(signatures: Iterable[Signature]) -> list[pb.Signature]:
    """Return signatures as messages, ordered by key."""
    ordered = sorted(signatures, key=lambda signature: signature.key_id)
    return [pb.Signature(key_id=signature.key_id, ed25519=signature.ed25519) for signature in ordered]


def signatures_from_pb(messages: Iterable[pb.Signature]) -> tuple[Signature, ...]:
    """Return messages as signatures."""
    return tuple(Signature(message.key_id, message.ed25519) for message in messages)
