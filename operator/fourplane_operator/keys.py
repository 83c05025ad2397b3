"""The keys that the operator signs with: from files, or from a Secret that it makes at its first start."""

import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from fourplane_kube import Cluster, ExistsError, KubeError, NotFoundError
from fourplane_kube.kinds import SECRET
from fourplane_operator.errors import SetupError
from fourplane_operator.settings import SIGNING_KEY_FIELD
from fourplane_wire.errors import SignatureError
from fourplane_wire.signing import SEED_BYTES, SigningKey

_PRIVATE = "*.key"


def from_files(paths: tuple[Path, ...]) -> tuple[SigningKey, ...]:
    """Read private keys in PEM form, of a folder all that are named *.key; raise SetupError."""
    keys = []
    for path in (file for given in paths for file in _files_of(given)):
        try:
            keys.append(SigningKey.from_pem(path.read_bytes()))
        except (OSError, SignatureError) as error:
            raise SetupError(f"signing key {path}: {error}") from error
    return tuple(keys)


def _files_of(given: Path) -> tuple[Path, ...]:
    if not given.is_dir():
        return (given,)
    if found := tuple(sorted(given.glob(_PRIVATE))):
        return found
    raise SetupError(f"signing keys in {given}: there is no {_PRIVATE}; make one with `fourplane keygen`")


async def from_secret(cluster: Cluster, namespace: str, name: str) -> SigningKey:
    """Read the key of a Secret; where there is none, make one. Raises SetupError, or KubeError when unreachable."""
    try:
        found = await cluster.get(SECRET, namespace, name)
    except NotFoundError:
        found = await _make(cluster, namespace, name)
    try:
        return SigningKey.from_pem(b64decode(found["data"][SIGNING_KEY_FIELD]))
    except (KeyError, TypeError, ValueError, SignatureError) as error:
        raise SetupError(
            f"Secret {namespace}/{name}: its key {SIGNING_KEY_FIELD} holds no Ed25519 private key in PEM form "
            f"({error}); make one with `fourplane keygen`, or delete the Secret to get a new one"
        ) from error


async def _make(cluster: Cluster, namespace: str, name: str) -> dict[str, object]:
    pem = SigningKey(secrets.token_bytes(SEED_BYTES)).pem()
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "fourplane"}},
        "type": "Opaque",
        "data": {SIGNING_KEY_FIELD: b64encode(pem).decode()},
    }
    try:
        return await cluster.create(SECRET, namespace, body)
    except ExistsError:  # another operator was faster: its key is the one
        return await cluster.get(SECRET, namespace, name)
    except KubeError as error:
        if error.status == 0:
            raise
        raise SetupError(f"Secret {namespace}/{name} can't be made: {error}") from error
