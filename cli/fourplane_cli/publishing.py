"""The writer of a state folder: snapshots become activations, each newer than all before."""

from dataclasses import dataclass, field

from fourplane_core.control.snapshot import Digest, Snapshot
from fourplane_wire.activation import Activation
from fourplane_wire.signing import Keyring, SigningKey
from fourplane_wire.snapshot import Encoded
from fourplane_worker.store import activations, snapshots
from fourplane_worker.store.errors import StoreError
from fourplane_worker.store.layout import StateFolder


@dataclass(slots=True)
class Publisher:
    """Writes for one run: its epoch is above everything that was decided or taken before."""

    state: StateFolder
    key: SigningKey
    keyring: Keyring
    _latest: Activation | None = None
    """The newest decision that is known."""
    _on_disk: Digest | None = None
    """What the activation in the store decides, where all of it is there whole."""
    problems: tuple[StoreError, ...] = ()
    """What was wrong with the store at the beginning; what is published goes on without it."""
    _epoch: int = field(default=1)

    def begin(self) -> Snapshot | None:
        """Look at what is there, and return the last good snapshot; blocks."""
        self.problems = activations.troubles(self.state, self.keyring)
        known = sorted(activations.known(self.state, self.keyring), key=lambda each: (each.epoch, each.sequence))
        if not known:
            return None
        self._latest = known[-1]
        self._epoch = known[-1].epoch + 1
        candidates = [known[-1].stable, *(each.previous for each in reversed(known) if each.previous is not None)]
        for digest in candidates:
            try:
                snapshot = snapshots.read(self.state, digest, self.keyring).snapshot
            except StoreError as error:
                self.problems += (error,)
                continue
            self._on_disk = digest if digest == self._decided() else None
            return snapshot
        return None

    def _decided(self) -> Digest | None:
        """Return what the file of the activation decides, if it is the newest decision."""
        try:
            there = activations.read(self.state.activation, self.keyring)[0]
        except StoreError:
            return None
        return there.stable if there == self._latest else None

    def publish(self, runtime: str, encoded: Encoded) -> Activation | None:
        """Write a snapshot and its activation; None where that is what is there already. Blocks."""
        if encoded.digest == self._on_disk:
            return None
        latest = self._latest
        snapshots.write(self.state, encoded, self.key)
        is_ours = latest is not None and latest.epoch == self._epoch
        previous = None if latest is None else latest.previous if latest.stable == encoded.digest else latest.stable
        activation = Activation(
            runtime=runtime,
            epoch=self._epoch,
            sequence=latest.sequence + 1 if latest is not None and is_ours else 1,
            stable=encoded.digest,
            previous=previous,
        )
        activations.write(self.state, activation, self.key)
        self._latest, self._on_disk = activation, encoded.digest
        return activation

    def tidy(self) -> int:
        """Remove what nothing needs any more; return how many files. Blocks."""
        decisions = activations.known(self.state, self.keyring)
        named = {digest for each in decisions for digest in (each.stable, each.previous) if digest is not None}
        return snapshots.collect(self.state, self.keyring, frozenset(named))

    @property
    def revision(self) -> str:
        """Name the newest decision as people do: EPOCH.SEQUENCE."""
        return f"{self._latest.epoch}.{self._latest.sequence}" if self._latest else ""
