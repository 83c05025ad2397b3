"""The activation: which snapshot a runtime serves, and which of two decisions is newer."""

from dataclasses import dataclass

from fourplane.v1 import activation_pb2 as pb
from fourplane_core.control.snapshot import Digest
from fourplane_wire import canonical
from fourplane_wire.canonical import CONTRACT_VERSION
from fourplane_wire.envelopes import decode_signed_activation, encode_signed_activation, sign
from fourplane_wire.signing import Keyring, Purpose, SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A decision on what to serve."""

    runtime: str
    """`NAMESPACE/NAME`."""
    epoch: int
    """Raised whenever another writer takes over."""
    sequence: int
    """Raised at every change within an epoch."""
    stable: Digest
    """The snapshot to serve."""
    previous: Digest | None = None
    """The snapshot that was served before."""

    def is_newer_than(self, other: "Activation") -> bool:
        """Tell whether this decision supersedes another one; equal ones don't."""
        return (self.epoch, self.sequence) > (other.epoch, other.sequence)


def encode_activation(activation: Activation) -> bytes:
    """Return the bytes that are signed."""
    return canonical.encode(
        pb.Activation(
            contract_version=CONTRACT_VERSION,
            runtime=activation.runtime,
            epoch=activation.epoch,
            sequence=activation.sequence,
            stable=activation.stable,
            previous=activation.previous or "",
        )
    )


def decode_activation(data: bytes) -> Activation:
    """Parse and check an activation; raise SnapshotInvalidError or ContractVersionError."""
    message = canonical.parse(pb.Activation(), data, "the activation")
    canonical.check_version("the activation", message.contract_version)
    canonical.require(message, data, "the activation")
    previous = message.previous
    return Activation(
        runtime=canonical.check_path(message.runtime, "the activation's runtime"),
        epoch=message.epoch,
        sequence=message.sequence,
        stable=canonical.check_digest(message.stable, "the activation's stable snapshot"),
        previous=canonical.check_digest(previous, "the activation's previous snapshot") if previous else None,
    )


def write_activation(activation: Activation, *keys: SigningKey) -> bytes:
    """Sign an activation and return its file."""
    return encode_signed_activation(sign(Purpose.ACTIVATION, encode_activation(activation), keys))


def read_activation(data: bytes, keyring: Keyring) -> Activation:
    """Verify the file of an activation and return it."""
    return decode_activation(decode_signed_activation(data).verified(keyring))
