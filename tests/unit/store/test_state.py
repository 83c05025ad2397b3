"""Activations, keys, endpoints and locks of a state folder."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_making import KEY, STRANGER, a_snapshot, a_state, publish

from fourplane_core.control.snapshot import Digest
from fourplane_wire.activation import Activation
from fourplane_wire.signing import Keyring
from fourplane_worker.store import activations, endpoints, keys, locks
from fourplane_worker.store.errors import (
    DamagedError,
    ExposedKeyError,
    LockedError,
    MissingError,
    ReplayedError,
    UnreadableError,
    UntrustedError,
)
from fourplane_worker.store.layout import StateFolder

RING = Keyring([KEY.public])


@pytest.fixture
def state(tmp_path):
    return a_state(tmp_path / "state")


def an_activation(epoch, sequence, content="a"):
    return Activation(
        runtime="default/shop", epoch=epoch, sequence=sequence, stable=Digest(f"sha256:{content * 64}"), previous=None
    )


@settings(deadline=None)
@given(st.tuples(st.integers(1, 3), st.integers(1, 3)), st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_only_what_is_newer_comes_after(taken, offered):
    old, new = an_activation(*taken), an_activation(*offered)
    if offered >= taken:
        activations.check_newer(None, new, old)
    else:
        with pytest.raises(ReplayedError, match="does not come after"):
            activations.check_newer(None, new, old)


def test_another_decision_under_a_number_that_was_taken_is_refused():
    with pytest.raises(ReplayedError):
        activations.check_newer(None, an_activation(1, 1, "b"), an_activation(1, 1, "a"))


def test_a_damaged_activation_is_named_with_a_remedy(state):
    publish(state, a_snapshot(), 1)
    state.activation.write_bytes(b"\xff" * 20)
    with pytest.raises(DamagedError, match="activation") as caught:
        activations.read(state.activation, RING)
    assert "fourplane up" in str(caught.value)


def test_an_activation_by_a_stranger_is_refused(state):
    publish(state, a_snapshot(), 1, key=STRANGER)
    with pytest.raises(UntrustedError):
        activations.read(state.activation, RING)


def test_what_was_taken_is_known_after_a_restart(state):
    activation = publish(state, a_snapshot(), 3)
    assert activations.accepted(state, RING) is None
    activations.accept(state, state.activation.read_bytes())
    assert activations.accepted(state, RING) == activation


def test_a_key_is_made_once_and_trusted(tmp_path):
    state = StateFolder(tmp_path / "new").create()
    first, second = keys.signing_key(state), keys.signing_key(state)
    assert first.public == second.public
    assert keys.trusted_keys(state) == (first.public,)


def test_a_key_that_others_can_read_is_refused(state):
    (state.keys / "signing.key").chmod(0o644)
    with pytest.raises(ExposedKeyError, match="chmod 600"):
        keys.signing_key(state)


def test_without_a_key_to_trust_nothing_is_served(tmp_path):
    with pytest.raises(MissingError, match="--public-key"):
        keys.trusted_keys(StateFolder(tmp_path).create())


def test_a_key_may_be_given(state, tmp_path):
    (tmp_path / "other.pub").write_bytes(STRANGER.public.pem())
    assert keys.trusted_keys(state, [tmp_path / "other.pub"]) == (STRANGER.public,)


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.lists(st.integers(1, 65535), max_size=3), max_size=3))
def test_endpoints_are_read_as_they_were_written(tmp_path_factory, pools):
    state = a_state(tmp_path_factory.mktemp("state"))
    written = {name: tuple(f"127.0.0.1:{port}" for port in ports) for name, ports in pools.items()}
    endpoints.write(state, written)
    assert endpoints.read(state) == written


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"pools": []}', '{"pools": {"a": ["nowhere"]}}', '{"pools": {"a": [1]}}']
)
def test_endpoints_that_make_no_sense_are_refused(state, content):
    state.endpoints.write_text(content)
    with pytest.raises(DamagedError, match=r"endpoints\.json"):
        endpoints.read(state)


def test_no_endpoints_are_no_error(state):
    assert endpoints.read(state) == {}


HOLDER = """
import sys
from pathlib import Path
from fourplane_worker.store import locks
from fourplane_worker.store.layout import StateFolder
with locks.hold(StateFolder(Path(sys.argv[1])), "up"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_hears_who_holds_the_lock_and_death_frees_it(state):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert locks.owner(state, "up") == str(holder.pid)
        with pytest.raises(LockedError, match=f"kill {holder.pid}"), locks.hold(state, "up"):
            pass
        holder.kill()
    assert locks.owner(state, "up") == ""
    with locks.hold(state, "up"):
        assert locks.owner(state, "up") == str(os.getpid())


def test_sockets_of_a_deep_folder_lie_where_only_this_user_can_enter(tmp_path):
    state = StateFolder(tmp_path / ("d" * 90)).create()
    folder = state.sockets()
    assert len(str(folder)) < 80
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(UnreadableError, match="this user alone"):
        state.sockets()
    folder.rmdir()
