"""From an offer to plans: read, verified and prepared beside the requests, reusing what did not change."""

import gc
from collections.abc import Mapping
from pathlib import Path

from fourplane_core.control.plan import Planner, prepare
from fourplane_core.control.snapshot import Digest
from fourplane_wire.signing import Keyring
from fourplane_wire.snapshot import Part
from fourplane_worker.process.messages import Offer
from fourplane_worker.store import snapshots
from fourplane_worker.store.layout import StateFolder


class Loader:
    """Loads one snapshot after the other."""

    def __init__(self, state: Path, keyring: Keyring) -> None:
        """Read from a state folder what these keys vouch for."""
        self._state = StateFolder(state)
        self.keyring = keyring
        """What later snapshots are verified with."""
        self._parts: Mapping[str, Part] = {}
        self._planner: Planner | None = None

    def load(self, offer: Offer) -> Planner:
        """Return a snapshot's plans, or raise a StoreError; blocks, so run it in a thread.

        The collector rests meanwhile: it would walk through every new object again and again, and stop requests for it.
        """
        gc.disable()
        try:
            decoded = snapshots.read(self._state, Digest(offer.digest), self.keyring, self._parts)
            planner = prepare(decoded.snapshot, self._planner)
        finally:
            gc.enable()
        self._parts, self._planner = decoded.parts, planner
        return planner
