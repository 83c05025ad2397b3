"""The activation in the store, and the newest one that was taken: older ones are refused."""

from pathlib import Path

from fourplane_wire import activation as wire
from fourplane_wire.activation import Activation
from fourplane_wire.errors import WireError
from fourplane_wire.signing import Keyring, SigningKey
from fourplane_worker.store import files
from fourplane_worker.store.errors import MissingError, ReplayedError, StoreError, refused
from fourplane_worker.store.layout import StateFolder

_AGAIN = "`fourplane up` on the sources writes it anew"


def write(state: StateFolder, activation: Activation, *keys: SigningKey) -> None:
    """Sign and write the decision on what to serve."""
    files.write(state.activation, wire.write_activation(activation, *keys))


def place(state: StateFolder, data: bytes, *, again: bool = False) -> bool:
    """Write a decision that somebody else signed, unless it is there; `again`, also then, so that it is looked at."""
    if not again and _is(state.activation, data):
        return False
    files.write(state.activation, data)
    return True


def _is(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def read(path: Path, keyring: Keyring) -> tuple[Activation, bytes]:
    """Return a verified activation and its file's content."""
    data = files.read(path, _AGAIN)
    try:
        return wire.read_activation(data, keyring), data
    except WireError as error:
        raise refused(path, error, _AGAIN) from error


def accepted(state: StateFolder, keyring: Keyring) -> Activation | None:
    """Return the newest activation that was taken; None where there is none. Raises where it can't be trusted."""
    try:
        return read(state.accepted, keyring)[0]
    except MissingError:
        return None


def accept(state: StateFolder, data: bytes) -> None:
    """Remember a taken activation, so that older ones are refused from now on, also after a restart."""
    if not _is(state.accepted, data):
        files.write(state.accepted, data)


def check_newer(path: Path, offered: Activation, taken: Activation | None) -> None:
    """Refuse what is older than what was taken, and another decision under the same number."""
    if taken is None or offered == taken or offered.is_newer_than(taken):
        return
    raise ReplayedError(
        path,
        f"the activation {offered.epoch}.{offered.sequence} of {offered.stable} does not come after "
        f"{taken.epoch}.{taken.sequence} of {taken.stable}, which was taken before",
        "go back to an older snapshot with a new activation: `fourplane up` on the older sources writes one",
    )


def troubles(state: StateFolder, keyring: Keyring) -> tuple[StoreError, ...]:
    """Return what is wrong with the decisions that are there: `known` passes over them."""
    found = []
    for path in (state.activation, state.accepted):
        try:
            read(path, keyring)
        except MissingError:
            continue
        except StoreError as error:
            found.append(error)
    return tuple(found)


def known(state: StateFolder, keyring: Keyring) -> tuple[Activation, ...]:
    """Return what was decided and taken so far, as far as it verifies: what a new writer must go beyond."""
    found = []
    for path in (state.activation, state.accepted):
        try:
            found.append(read(path, keyring)[0])
        except StoreError:
            continue  # whoever serves it says what is wrong with it
    return tuple(found)
