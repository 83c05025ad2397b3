"""The keys of a state folder: one to sign with, and those that are trusted."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from fourplane_wire.errors import SignatureError
from fourplane_wire.signing import SEED_BYTES, Keyring, PublicKey, SigningKey
from fourplane_worker.store import files
from fourplane_worker.store.errors import DamagedError, ExposedKeyError, MissingError
from fourplane_worker.store.layout import StateFolder

SIGNING_KEY = "signing.key"
_PUBLIC = "*.pub"


def is_there(state: StateFolder) -> bool:
    """Tell whether the folder has a signing key."""
    return files.stamp(state.keys / SIGNING_KEY) is not None


def signing_key(state: StateFolder) -> SigningKey:
    """Return the folder's signing key; make one at the first use, and put its public half beside it."""
    path = state.keys / SIGNING_KEY
    if not path.exists():
        key = SigningKey(secrets.token_bytes(SEED_BYTES))
        files.write(path, key.pem(), files.PRIVATE)
    key = _read_signing_key(path)
    public = state.keys / f"{SIGNING_KEY}.pub"
    if not public.exists() or _read_public_key(public) != key.public:
        files.write(public, key.public.pem())
    return key


def _read_signing_key(path: Path) -> SigningKey:
    data = files.read(path, "put it back")
    if path.stat().st_mode & 0o077:
        raise ExposedKeyError(path, "others than its owner may read this private key", f"run: chmod 600 {path}")
    try:
        return SigningKey.from_pem(data)
    except SignatureError as error:
        raise DamagedError(path, str(error), "put the key back, or remove the file to get a new one") from error


def trusted_keys(state: StateFolder, given: Iterable[Path] = ()) -> tuple[PublicKey, ...]:
    """Return the public keys of the given files and folders; where none is given, those of the state folder."""
    paths = tuple(found for path in given for found in _files_of(path)) or tuple(sorted(state.keys.glob(_PUBLIC)))
    if not paths:
        raise MissingError(
            state.keys, "there is no public key to verify with", "name one with --public-key, or run `fourplane up`"
        )
    return tuple(_read_public_key(path) for path in paths)


def _files_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a folder; those that begin with a dot are how a mounted ConfigMap is swapped."""
    if not path.is_dir():
        return (path,)
    return tuple(sorted(each for each in path.iterdir() if not each.name.startswith(".")))


def _read_public_key(path: Path) -> PublicKey:
    try:
        return PublicKey.from_pem(files.read(path, "name a file that is there"))
    except SignatureError as error:
        raise DamagedError(path, str(error), "put the key back, or remove the file") from error


def keyring(state: StateFolder, given: Iterable[Path] = ()) -> Keyring:
    """Return what verifies signatures in this folder."""
    return Keyring(trusted_keys(state, given))
