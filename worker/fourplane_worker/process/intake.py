"""What comes from the state folder: decisions are verified once, here, before any process hears of them."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fourplane_core.control.snapshot import Digest, Snapshot
from fourplane_wire.activation import Activation
from fourplane_wire.signing import Keyring
from fourplane_wire.snapshot import Part
from fourplane_worker.process.messages import Offer
from fourplane_worker.store import activations, endpoints, files, snapshots
from fourplane_worker.store.errors import DamagedError, StoreError
from fourplane_worker.store.layout import StateFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not used, and why."""

    file: str
    reason: str
    message: str
    entry: str = ""
    """Key of the entry at fault, where it is one."""


class Intake:
    """Follows the activation and the endpoints of a state folder."""

    def __init__(self, state: StateFolder, keyring: Keyring, runtime: str = "") -> None:
        """Trust what these keys vouch for; with a runtime, NAMESPACE/NAME, take what is decided for it alone."""
        self._state = state
        self.keyring = keyring
        self._runtime = runtime
        self._stamps: dict[str, tuple[int, int, int] | None] = {}
        self._parts: Mapping[str, Part] = {}
        self._taken: Activation | None = None
        self.snapshot: Snapshot | None = None
        """What the last offer was made from."""
        self.offer: Offer | None = None
        self.found: dict[str, tuple[str, ...]] = {}
        """Where managed pools listen."""
        self.problems: dict[str, Problem] = {}
        """By what it is about: what is refused now."""
        self.rejected: Counter[str] = Counter()
        """By reason: how often something was refused."""

    def begin(self) -> None:
        """Take what is there at the start; where the newest does not verify, the one before."""
        try:
            self._taken = activations.accepted(self._state, self.keyring)
            if self._taken is not None:
                self._check_runtime(self._state.accepted, self._taken)
        except StoreError as error:
            self._taken = None
            self._refuse("accepted", error)
        self.look()
        if self.offer is None:
            self._fall_back()
        self.look_for_endpoints()

    def look(self, *, again: bool = False) -> bool:
        """Read the activation when its file was replaced, or `again`; tell whether there is a new offer."""
        path = self._state.activation
        if not self._is_new("activation", files.stamp(path)) and not again:
            return False
        if self._stamps["activation"] is None and self._taken is None:
            return False  # nobody has compiled anything yet
        before = self.offer, self.snapshot
        try:
            activation, data = activations.read(path, self.keyring)
            self._check_runtime(path, activation)
            activations.check_newer(path, activation, self._taken)
            self._take(activation)
            activations.accept(self._state, data)
        except StoreError as error:
            self.offer, self.snapshot = before
            self._refuse("activation", error)
            return False
        self._taken = activation
        self._clear(*(self.problems.keys() - {"endpoints"}))  # also what was wrong with those to fall back to
        return self.offer != before[0]

    def _take(self, activation: Activation) -> None:
        """Prepare the offer; a new decision for the snapshot that is offered already loads nothing."""
        offered = self.offer.digest if self.offer else ""
        if self.snapshot is None or (offered, self.snapshot.runtime.name) != (activation.stable, activation.runtime):
            self._load(activation, activation.stable)
        else:
            self.offer = _offer(activation, activation.stable)

    def _check_runtime(self, path: Path, activation: Activation) -> None:
        if self._runtime and activation.runtime != self._runtime:
            raise DamagedError(
                path,
                f"it is for runtime {activation.runtime}, not for {self._runtime}",
                "choose another --state folder",
            )

    def look_for_endpoints(self) -> bool:
        """Read the endpoints when their file was replaced; tell whether they are different."""
        if not self._is_new("endpoints", files.stamp(self._state.endpoints)):
            return False
        try:
            found = endpoints.read(self._state)
        except StoreError as error:
            self._refuse("endpoints", error)
            return False
        self._clear("endpoints")
        changed, self.found = found != self.found, found
        return changed

    def _load(self, decision: Activation, digest: Digest) -> None:
        decoded = snapshots.read(self._state, digest, self.keyring, self._parts)
        if decoded.snapshot.runtime.name != decision.runtime:
            raise DamagedError(
                self._state.activation,
                f"it is for runtime {decision.runtime}, and its snapshot for {decoded.snapshot.runtime.name}",
                "`fourplane up` on the sources writes it anew",
            )
        self._parts = decoded.parts
        self.snapshot = decoded.snapshot
        self.offer = _offer(decision, digest)

    def _fall_back(self) -> None:
        """Serve what was served before, where that verifies; the refused decision stays refused."""
        for decision, digest in self._candidates():
            try:
                self._load(decision, digest)
            except StoreError as error:
                self._refuse(digest, error)
                continue
            log.warning("serving the last good snapshot instead", extra={"digest": digest})
            return

    def _candidates(self) -> Iterator[tuple[Activation, Digest]]:
        """Yield what a trusted key once decided to serve, the newest first."""
        decisions = {each.stable: each for each in activations.known(self._state, self.keyring)}
        if self._taken is not None:
            yield self._taken, self._taken.stable
        for decision in decisions.values():
            if decision.previous is not None and self._is_ours(decision) and not self._is_replay(decision):
                yield self._taken or decision, decision.previous

    def _is_ours(self, decision: Activation) -> bool:
        return decision.runtime == (self._runtime or decision.runtime)

    def _is_replay(self, decision: Activation) -> bool:
        return self._taken is not None and self._taken.is_newer_than(decision)

    def _is_new(self, name: str, stamp: tuple[int, int, int] | None) -> bool:
        if name in self._stamps and self._stamps[name] == stamp:
            return False
        self._stamps[name] = stamp
        return True

    def _refuse(self, about: str, error: StoreError) -> None:
        problem = Problem(str(error.path), error.reason, str(error), error.entry)
        if self.problems.get(about) != problem:
            self.problems[about] = problem
            self.rejected[error.reason] += 1
            log.error("refused: %s", error, extra={"file": problem.file, "reason": problem.reason})

    def _clear(self, *about: str) -> None:
        for name in about:
            self.problems.pop(name, None)


def _offer(decision: Activation, digest: Digest) -> Offer:
    return Offer(epoch=decision.epoch, sequence=decision.sequence, digest=digest)
