"""Snapshots in the content-addressed store: what is read is what was signed, or an error that names the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fourplane_core.control.snapshot import Digest
from fourplane_wire import canonical
from fourplane_wire.envelopes import Signed, decode_signed_manifest, encode_signed_manifest, sign
from fourplane_wire.errors import WireError
from fourplane_wire.manifest import Manifest, ShardRef, decode_manifest
from fourplane_wire.signing import Keyring, Purpose, SigningKey
from fourplane_wire.snapshot import Decoded, Encoded, Part, decode_snapshot
from fourplane_worker.store import files
from fourplane_worker.store.errors import DamagedError, StoreError, refused
from fourplane_worker.store.layout import StateFolder

_AGAIN = "`fourplane up` on the sources writes it anew"


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing a snapshot."""

    digest: Digest
    shards: int
    """Shards of the snapshot."""
    new_shards: int
    """Those of them that were not there whole."""


def write(state: StateFolder, encoded: Encoded, *keys: SigningKey) -> Written:
    """Write a snapshot; what is there whole already is left, and what is damaged is repaired."""
    new = {name: data for name, data in encoded.shards.items() if not _is(state.shard(name), data)}
    signed = encode_signed_manifest(sign(Purpose.MANIFEST, encoded.manifest, keys))
    place(state, new, encoded.digest, signed)
    return Written(encoded.digest, len(encoded.shards), len(new))


def place(state: StateFolder, shards: Mapping[str, bytes], digest: Digest, signed: bytes | None) -> None:
    """Write shards by their hash, then the signed manifest that needs them, unless that is there."""
    for name, data in shards.items():
        files.place(state.shard(name), data)
    if shards:
        files.settle((state.shards,))
    if signed is not None:
        files.write(state.manifest(digest), signed)


def _is(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def read(state: StateFolder, digest: Digest, keyring: Keyring, reuse: Mapping[str, Part] | None = None) -> Decoded:
    """Return a snapshot of which every byte was checked; shards in `reuse` are not read again."""
    path = state.manifest(digest)
    manifest = _verified(path, digest, keyring)
    known = reuse or {}
    try:
        refs = decode_manifest(manifest).shards
        shards = {ref.sha256: _shard(state, ref) for ref in refs if ref.sha256 not in known}
        return decode_snapshot(manifest, shards, known)
    except WireError as error:
        raise refused(path, error, _AGAIN) from error


def read_manifest(state: StateFolder, digest: Digest, keyring: Keyring) -> Manifest:
    """Return a manifest that a trusted key vouches for."""
    path = state.manifest(digest)
    data = _verified(path, digest, keyring)
    try:
        return decode_manifest(data)
    except WireError as error:
        raise refused(path, error, _AGAIN) from error


def _verified(path: Path, digest: Digest, keyring: Keyring) -> bytes:
    data = files.read(path, _AGAIN)
    try:
        signed: Signed = decode_signed_manifest(data)
        manifest = signed.verified(keyring)
    except WireError as error:
        raise refused(path, error, _AGAIN) from error
    if canonical.digest_of(manifest) != digest:
        raise DamagedError(path, f"it holds the manifest {canonical.digest_of(manifest)}", _AGAIN)
    return manifest


def _shard(state: StateFolder, ref: ShardRef) -> bytes:
    path = state.shard(ref.sha256)
    data = files.read(path, _AGAIN)
    if sha256(data).hexdigest() != ref.sha256:
        raise DamagedError(path, "its content does not have the hash that it is named after", _AGAIN)
    return data


def collect(state: StateFolder, keyring: Keyring, needed: frozenset[Digest], keep: int = 10) -> int:
    """Remove all but the newest manifests and those needed, then shards that none of them names; return how many.

    Only the writer of the store may call it, and between two writes.
    """
    by_age = sorted(state.manifests.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    names = {path.name for path in by_age[:keep]} | {digest.removeprefix("sha256:") for digest in needed}
    kept: set[str] = set()
    for name in names:
        try:
            kept.update(ref.sha256 for ref in read_manifest(state, Digest(f"sha256:{name}"), keyring).shards)
        except StoreError:
            continue  # it is never served, so what it names is not needed for it
    old = [path for path in by_age if path.name not in names]
    old += [path for path in state.shards.iterdir() if path.name not in kept]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
