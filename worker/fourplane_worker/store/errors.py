"""What can be wrong with the state folder; each error names the file and what to do about it."""

from pathlib import Path
from typing import ClassVar

from fourplane_wire.errors import ContractVersionError, SignatureError, WireError


class StoreError(Exception):
    """Something in the state folder that is not used."""

    reason: ClassVar[str] = "Unreadable"
    """One word for metrics and status."""

    entry: str = ""
    """Key of the one entry of a snapshot that is at fault; empty where it is not one of them alone."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        """Name the file, what is wrong with it, and what to do."""
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class UnreadableError(StoreError):
    """A file that the system does not let this process read or write."""


class MissingError(StoreError):
    """A file that should be there."""

    reason = "Missing"


class DamagedError(StoreError):
    """A file whose content is not what its name, hash or form says."""

    reason = "Damaged"


class UntrustedError(StoreError):
    """A file that no trusted key vouches for."""

    reason = "Untrusted"


class UnsupportedError(StoreError):
    """A file of a contract version that this release does not read."""

    reason = "UnsupportedVersion"


class ReplayedError(StoreError):
    """An activation that is older than one that was taken before."""

    reason = "Replayed"


class ExposedKeyError(StoreError):
    """A private key that others can read."""

    reason = "Exposed"


class LockedError(StoreError):
    """A state folder that another process works on."""

    reason = "Locked"


def refused(path: Path, error: WireError, remedy: str) -> StoreError:
    """Say which file it was whose content is not taken."""
    if isinstance(error, SignatureError):
        return UntrustedError(path, str(error), f"if that key is to be trusted, add its public key; or else {remedy}")
    if isinstance(error, ContractVersionError):
        return UnsupportedError(path, str(error), remedy)
    damaged = DamagedError(path, str(error), remedy)
    damaged.entry = error.entry
    return damaged
