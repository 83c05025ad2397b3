"""Where things are in a state folder."""

import os
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fourplane_worker.store import files
from fourplane_worker.store.errors import UnreadableError

_SOCKET_PATH_BYTES = 80
"""Longest folder that leaves room for a socket's name: the kernel takes 107 bytes for the whole path."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The paths of one state folder."""

    root: Path

    @property
    def keys(self) -> Path:
        """Folder of the signing key and the public keys."""
        return self.root / "keys"

    @property
    def shards(self) -> Path:
        """Folder of shards by the hash of their bytes."""
        return self.root / "store" / "shards"

    @property
    def manifests(self) -> Path:
        """Folder of signed manifests by the hash of the manifests in them."""
        return self.root / "store" / "manifests"

    @property
    def activation(self) -> Path:
        """The decision on what to serve, by whoever compiles."""
        return self.root / "store" / "activation"

    @property
    def accepted(self) -> Path:
        """The newest decision that the worker took: it goes back behind it never."""
        return self.root / "store" / "accepted"

    @property
    def endpoints(self) -> Path:
        """Where managed pools listen now."""
        return self.root / "endpoints.json"

    @property
    def status(self) -> Path:
        """What `fourplane status` prints."""
        return self.root / "status.json"

    @property
    def run(self) -> Path:
        """Folder of pid files, locks and sockets."""
        return self.root / "run"

    @property
    def is_made(self) -> bool:
        """Tell whether the folder itself is there."""
        return files.stamp(self.root) is not None

    @property
    def is_decided(self) -> bool:
        """Tell whether there was ever a decision on what to serve."""
        return any(files.stamp(path) is not None for path in (self.activation, self.accepted))

    def shard(self, sha256_hex: str) -> Path:
        """Return the place of a shard."""
        return self.shards / sha256_hex

    def manifest(self, digest: str) -> Path:
        """Return the place of a snapshot's signed manifest."""
        return self.manifests / digest.removeprefix("sha256:")

    def create(self) -> "StateFolder":
        """Make the folders that are missing; keys and sockets are the owner's alone."""
        try:
            for folder, mode in ((self.root, 0o755), (self.keys, 0o700), (self.run, 0o700)):
                folder.mkdir(mode=mode, parents=True, exist_ok=True)
            for folder in (self.shards, self.manifests):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnreadableError(
                self.root, f"the state folder can't be made: {error}", "choose another one with --state"
            ) from error
        return self

    def sockets(self) -> Path:
        """Return a folder for sockets that only this user can enter, made if it is missing.

        That is `run`, unless the path is too long for a socket: then a folder of that length in the temporary folder.
        """
        if len(os.fsencode(self.run.absolute())) <= _SOCKET_PATH_BYTES:
            return self.run.absolute()
        name = sha256(os.fsencode(self.root.absolute())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"fourplane-{os.getuid()}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
            raise UnreadableError(folder, "it is not a folder that this user alone can enter", "remove it")
        return folder
