"""The content-addressed store: what is read is what was signed, or an error that names the file."""

import os

import pytest
from store_making import KEY, STRANGER, a_route, a_snapshot, a_state, publish

from fourplane_core.control.snapshot import Digest
from fourplane_wire.signing import Keyring
from fourplane_worker.store import snapshots
from fourplane_worker.store.errors import DamagedError, MissingError, UntrustedError

RING = Keyring([KEY.public])


@pytest.fixture
def state(tmp_path):
    return a_state(tmp_path / "state")


def many(count, first=0):
    return [a_route(f"m{number:05}-{'x' * 200}") for number in range(first, first + count)]


def test_what_is_written_is_what_is_read(state):
    encoded = a_snapshot(a_route("a"), a_route("b"))
    snapshots.write(state, encoded, KEY)
    read = snapshots.read(state, encoded.digest, RING)
    assert read.snapshot.digest == encoded.digest
    assert sorted(route.model for route in read.snapshot.routes) == ["a", "b"]


def test_only_shards_that_changed_are_written(state):
    routes = many(1000)
    first = snapshots.write(state, a_snapshot(*routes), KEY)
    assert first.shards > 2
    assert first.new_shards == first.shards
    second = snapshots.write(state, a_snapshot(a_route(routes[0].model, deadline_ms=7), *routes[1:]), KEY)
    assert second.new_shards == 1
    assert snapshots.write(state, a_snapshot(*routes), KEY).new_shards == 0


def test_shards_that_are_known_are_not_read_again(state):
    encoded = a_snapshot()
    snapshots.write(state, encoded, KEY)
    parts = snapshots.read(state, encoded.digest, RING).parts
    for name in encoded.shards:
        state.shard(name).unlink()
    assert snapshots.read(state, encoded.digest, RING, parts).snapshot.digest == encoded.digest


def test_a_changed_byte_of_a_shard_is_found_and_named(state):
    encoded = a_snapshot()
    snapshots.write(state, encoded, KEY)
    path = state.shard(next(iter(encoded.shards)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=path.name) as caught:
        snapshots.read(state, encoded.digest, RING)
    assert "fourplane up" in caught.value.remedy


def test_a_missing_shard_is_named(state):
    encoded = a_snapshot()
    snapshots.write(state, encoded, KEY)
    path = state.shard(next(iter(encoded.shards)))
    path.unlink()
    with pytest.raises(MissingError, match=path.name):
        snapshots.read(state, encoded.digest, RING)


def test_writing_again_repairs_what_is_damaged(state):
    encoded = a_snapshot()
    snapshots.write(state, encoded, KEY)
    state.shard(next(iter(encoded.shards))).write_bytes(b"rubbish")
    assert snapshots.write(state, encoded, KEY).new_shards == 1
    snapshots.read(state, encoded.digest, RING)


def test_a_stranger_s_signature_is_not_taken(state):
    encoded = a_snapshot()
    snapshots.write(state, encoded, STRANGER)
    with pytest.raises(UntrustedError, match=encoded.digest.removeprefix("sha256:")):
        snapshots.read(state, encoded.digest, RING)


def test_another_manifest_under_a_name_is_not_taken(state):
    one, two = a_snapshot(a_route("a")), a_snapshot(a_route("b"))
    snapshots.write(state, one, KEY)
    snapshots.write(state, two, KEY)
    state.manifest(one.digest).write_bytes(state.manifest(two.digest).read_bytes())
    with pytest.raises(DamagedError, match="it holds the manifest"):
        snapshots.read(state, one.digest, RING)


@pytest.mark.parametrize("data", [b"", b"\x00", b"rubbish" * 100])
def test_a_manifest_that_is_rubbish_is_named(state, data):
    encoded = a_snapshot()
    snapshots.write(state, encoded, KEY)
    state.manifest(encoded.digest).write_bytes(data)
    with pytest.raises((DamagedError, UntrustedError), match=encoded.digest.removeprefix("sha256:")):
        snapshots.read(state, encoded.digest, RING)


def test_collecting_keeps_the_newest_and_the_needed_with_their_shards(state):
    encodings = [a_snapshot(a_route(f"m{number}")) for number in range(14)]
    for age, encoded in enumerate(encodings):
        snapshots.write(state, encoded, KEY)
        os.utime(state.manifest(encoded.digest), (1000 + age, 1000 + age))
    removed = snapshots.collect(state, RING, frozenset({encodings[0].digest}))
    assert removed == 2 * 3
    kept = {Digest(f"sha256:{path.name}") for path in state.manifests.iterdir()}
    assert kept == {encodings[0].digest, *(each.digest for each in encodings[4:])}
    for digest in kept:
        snapshots.read(state, digest, RING)


def test_nothing_temporary_stays_behind(state):
    publish(state, a_snapshot(), 1)
    assert not [path for path in state.root.rglob("*") if path.name.startswith(".")]


def test_the_signing_key_is_its_owner_s_alone(state):
    assert (state.keys / "signing.key").stat().st_mode & 0o777 == 0o600
    assert state.keys.stat().st_mode & 0o777 == 0o700
    assert state.run.stat().st_mode & 0o777 == 0o700
