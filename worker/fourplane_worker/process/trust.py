"""Whom a worker trusts: public keys, read again now and then, so that a key can be replaced while it serves."""

import logging
from pathlib import Path

from fourplane_wire.signing import Keyring
from fourplane_worker.store import keys
from fourplane_worker.store.errors import StoreError
from fourplane_worker.store.layout import StateFolder

log = logging.getLogger(__name__)


class Trust:
    """The keys that are trusted now."""

    def __init__(self, state: StateFolder, given: tuple[Path, ...]) -> None:
        """Read the keys of files and folders, or else of the state folder; raise StoreError where there are none."""
        self._state = state
        self._given = given
        self._trouble = ""
        self.keys = keys.trusted_keys(state, given)
        self.keyring = Keyring(self.keys)

    def look(self) -> bool:
        """Read them again; tell whether they are others. Keys that can't be read stay as they were."""
        try:
            found = keys.trusted_keys(self._state, self._given)
        except StoreError as error:
            if str(error) != self._trouble:
                log.warning("the keys of before are trusted on: %s", error)
            self._trouble = str(error)
            return False
        self._trouble = ""
        if set(found) == set(self.keys):
            return False
        self.keys, self.keyring = found, Keyring(found)
        log.info("other keys are trusted", extra={"keys": [key.key_id for key in found]})
        return True
