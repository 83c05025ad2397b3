"""Canonical protobuf: one value has one encoding, and a reader takes no other."""

from hashlib import sha256
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from fourplane_core.control.snapshot import Digest
from fourplane_wire.errors import ContractVersionError, SnapshotInvalidError

CONTRACT_VERSION = "1"
"""The contract version that this release writes."""
OLDEST_SUPPORTED = 1
"""Oldest contract version that this release reads."""
NEWEST_SUPPORTED = 1
"""Newest contract version that this release reads."""

M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """Return the one encoding of a message."""
    return message.SerializeToString(deterministic=True)


def parse(message: M, data: bytes, what: str) -> M:
    """Fill an empty message from bytes; unknown fields stay."""
    try:
        message.MergeFromString(data)
    except DecodeError as error:
        raise SnapshotInvalidError(f"{what} is not a valid {message.DESCRIPTOR.full_name} message: {error}") from error
    return message


def require(message: Message, data: bytes, what: str) -> None:
    """Refuse bytes that are not the one encoding of the message that was parsed from them."""
    message.DiscardUnknownFields()
    if encode(message) != data:
        raise SnapshotInvalidError(f"{what} is not in canonical form, or has fields that this contract version lacks")


def read(message: M, data: bytes, what: str) -> M:
    """Fill an empty message from bytes that must be in canonical form."""
    parse(message, data, what)
    require(message, data, what)
    return message


def check_version(what: str, found: str) -> None:
    """Refuse contract versions that this release can't read."""
    known = found.isascii() and found.isdecimal() and len(found) < 10 and str(int(found)) == found
    if not known or not OLDEST_SUPPORTED <= int(found) <= NEWEST_SUPPORTED:
        raise ContractVersionError(what, found, OLDEST_SUPPORTED, NEWEST_SUPPORTED)


def digest_of(data: bytes) -> Digest:
    """Name bytes by their content."""
    return Digest(f"sha256:{sha256(data).hexdigest()}")


def check_digest(value: str, what: str) -> Digest:
    """Return a digest that is well-formed."""
    algorithm, _, digits = value.partition(":")
    if algorithm != "sha256" or len(digits) != _DIGITS or digits.strip("0123456789abcdef"):
        raise SnapshotInvalidError(
            f"{what} is {value[:80]!r}; a digest is sha256: and 64 hexadecimal digits in lower case"
        )
    return Digest(value)


def check_path(value: str, what: str) -> str:
    """Return a name that has the form NAMESPACE/NAME."""
    namespace, _, name = value.partition("/")
    if not namespace or not name or "/" in name:
        raise SnapshotInvalidError(f"{what} is {value[:80]!r}; it has the form NAMESPACE/NAME")
    return value


_DIGITS = 64
