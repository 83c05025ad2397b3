"""Key files."""

from collections.abc import Iterable
from pathlib import Path

from fourplane_cli.exits import failures
from fourplane_wire.signing import Keyring, PublicKey, SigningKey


def read_signing_key(path: Path) -> SigningKey:
    """Read a private key."""
    with failures(str(path)):
        return SigningKey.from_pem(path.read_bytes())


def read_keyring(paths: Iterable[Path]) -> Keyring:
    """Read public keys; a private key's file stands for its public half."""
    keys = []
    for path in paths:
        with failures(str(path)):
            keys.append(PublicKey.from_pem(path.read_bytes()))
    return Keyring(keys)
