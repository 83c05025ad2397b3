"""What the API server offers, checked before any of it touches the state folder: pure."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fourplane_api import object_name
from fourplane_core.control.snapshot import Digest
from fourplane_wire import activation, canonical
from fourplane_wire.activation import Activation
from fourplane_wire.envelopes import decode_signed_manifest
from fourplane_wire.errors import ContractVersionError, SignatureError, SnapshotInvalidError, WireError
from fourplane_wire.manifest import Manifest, ShardRef, decode_manifest
from fourplane_wire.signing import Keyring
from fourplane_worker.cluster.errors import NotTakenError
from fourplane_worker.store.errors import (
    DamagedError,
    MissingError,
    ReplayedError,
    UnsupportedError,
    UntrustedError,
)

MISSING = MissingError.reason
FORBIDDEN = "Forbidden"
"""The API server does not let this worker read what it needs."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A RuntimeActivation as it was seen."""

    name: str
    digest: str
    """What it says that it decides, not verified; empty where it says nothing of the kind."""
    data: bytes
    """The signed activation; empty where there is none to read."""

    @property
    def what(self) -> str:
        """Name the object."""
        return f"RuntimeActivation {self.name}"


def offered(found: Mapping[str, Any]) -> Offered:
    """Read an object as far as it can be read: the signed bytes decide, and a newer release may add fields."""
    spec = found.get("spec") or {}
    digest = str(spec.get("stable", ""))
    try:
        canonical.check_digest(digest, "stable")
    except SnapshotInvalidError:
        digest = ""
    return Offered(str(found["metadata"]["name"]), digest, _bytes(spec.get("activation")))


def decision(offer: Offered, keyring: Keyring, runtime: str, taken: Activation | None) -> Activation:
    """Return what is decided, if it is signed, for this runtime, and does not go behind what was taken."""
    if not offer.data:
        raise NotTakenError(offer.what, DamagedError.reason, "spec.activation is not the base64 of a signed activation")
    try:
        found = activation.read_activation(offer.data, keyring)
    except WireError as error:
        raise _refused(offer.what, error) from error
    if found.runtime != runtime:
        raise NotTakenError(offer.what, "WrongRuntime", f"it is for {found.runtime}, and this worker follows {runtime}")
    if taken is not None and found != taken and not found.is_newer_than(taken):
        raise NotTakenError(
            offer.what,
            ReplayedError.reason,
            f"the decision {found.epoch}.{found.sequence} does not come after {taken.epoch}.{taken.sequence}, which "
            "was taken before; a newer one, be it for an older snapshot, is taken",
        )
    return found


def signed_manifest(found: Mapping[str, Any]) -> bytes:
    """Return the signed manifest of a ConfigSnapshot; empty where there is none to read."""
    return _bytes((found.get("spec") or {}).get("manifest"))


def manifest(digest: Digest, data: bytes, keyring: Keyring, runtime: str) -> Manifest:
    """Return a verified manifest."""
    what = f"ConfigSnapshot {object_name(digest)}"
    if not data:
        raise NotTakenError(what, DamagedError.reason, "spec.manifest is not the base64 of a signed manifest")
    try:
        payload = decode_signed_manifest(data).verified(keyring)
        if canonical.digest_of(payload) != digest:
            raise SnapshotInvalidError(f"it holds the manifest {canonical.digest_of(payload)}")
        found = decode_manifest(payload)
    except WireError as error:
        raise _refused(what, error) from error
    if found.runtime != runtime:
        raise NotTakenError(what, "WrongRuntime", f"it is for {found.runtime}, and this worker follows {runtime}")
    return found


def shard(ref: ShardRef, found: Mapping[str, Any]) -> bytes:
    """Return a shard's bytes, which are those that the manifest names."""
    data = _bytes((found.get("spec") or {}).get("data"))
    if sha256(data).hexdigest() != ref.sha256:
        raise NotTakenError(
            f"ConfigShard {shard_name(ref)}",
            DamagedError.reason,
            "its content does not have the hash that it is named after; delete it, and the operator makes it anew",
        )
    return data


def shard_name(ref: ShardRef) -> str:
    """Name the object of a shard."""
    return object_name(f"sha256:{ref.sha256}")


def _bytes(value: object) -> bytes:
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _refused(what: str, error: WireError) -> NotTakenError:
    if isinstance(error, SignatureError):
        return NotTakenError(what, UntrustedError.reason, f"{error}; if that key is to be trusted, add its public half")
    reason = UnsupportedError.reason if isinstance(error, ContractVersionError) else DamagedError.reason
    return NotTakenError(what, reason, str(error))
