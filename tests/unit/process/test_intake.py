"""What the supervisor takes from the state folder, what it refuses, and what it falls back to."""

from dataclasses import replace

import pytest
from store_making import KEY, STRANGER, a_route, a_runtime, a_snapshot, a_state, publish

from fourplane_wire.signing import Keyring
from fourplane_worker.process.intake import Intake
from fourplane_worker.store import endpoints

ONE, TWO, THREE = (a_snapshot(a_route(f"m{number}")) for number in range(3))


@pytest.fixture
def state(tmp_path):
    return a_state(tmp_path / "state")


def begun(state):
    intake = Intake(state, Keyring([KEY.public]))
    intake.begin()
    return intake


def offered(intake):
    return (intake.offer.epoch, intake.offer.sequence, intake.offer.digest) if intake.offer else None


def reasons(intake):
    return [problem.reason for problem in intake.problems.values()]


def damage(state, encoded):
    state.shard(next(iter(encoded.shards))).write_bytes(b"rubbish")


def test_an_empty_folder_offers_nothing_and_is_no_problem(state):
    intake = begun(state)
    assert offered(intake) is None
    assert not intake.problems
    assert not intake.look()


def test_what_is_there_is_offered_and_a_newer_one_after_it(state):
    publish(state, ONE, 1)
    intake = begun(state)
    assert offered(intake) == (1, 1, ONE.digest)
    assert not intake.look()
    publish(state, TWO, 2)
    assert intake.look()
    assert offered(intake) == (1, 2, TWO.digest)


def test_an_older_one_is_refused_also_after_a_restart(state):
    publish(state, ONE, 1)
    old = state.activation.read_bytes()
    intake = begun(state)
    publish(state, TWO, 2, previous=ONE.digest)
    assert intake.look()
    state.activation.write_bytes(old)
    assert not intake.look()
    assert reasons(intake) == ["Replayed"]
    again = begun(state)
    assert reasons(again) == ["Replayed"]
    assert offered(again) == (1, 2, TWO.digest)


def test_going_back_to_an_older_snapshot_takes_a_newer_activation(state):
    publish(state, ONE, 1)
    intake = begun(state)
    publish(state, TWO, 2)
    intake.look()
    publish(state, ONE, 3)
    assert intake.look()
    assert offered(intake) == (1, 3, ONE.digest)


def test_a_damaged_snapshot_is_refused_and_taken_once_it_is_repaired(state):
    publish(state, ONE, 1)
    intake = begun(state)
    publish(state, TWO, 2)
    damage(state, TWO)
    assert not intake.look()
    assert reasons(intake) == ["Damaged"]
    assert offered(intake) == (1, 1, ONE.digest)
    assert not intake.look(again=True)
    assert intake.rejected == {"Damaged": 1}
    publish(state, TWO, 2)
    assert intake.look()
    assert not intake.problems


def test_a_cold_start_with_a_damaged_snapshot_serves_the_one_before(state):
    publish(state, ONE, 1)
    begun(state)
    publish(state, TWO, 2, previous=ONE.digest)
    begun(state)
    damage(state, TWO)
    intake = begun(state)
    assert offered(intake)[2] == ONE.digest
    assert "Damaged" in reasons(intake)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x0a\xff"])
def test_a_cold_start_with_a_damaged_activation_serves_what_was_taken_last(state, content):
    publish(state, ONE, 1)
    begun(state)
    state.activation.write_bytes(content)
    intake = begun(state)
    assert offered(intake) == (1, 1, ONE.digest)
    assert len(intake.problems) == 1


def test_a_deleted_activation_changes_nothing_but_is_said(state):
    publish(state, ONE, 1)
    intake = begun(state)
    state.activation.unlink()
    assert not intake.look()
    assert offered(intake) == (1, 1, ONE.digest)
    assert reasons(intake) == ["Missing"]


def test_a_stranger_s_activation_is_refused(state):
    publish(state, ONE, 1)
    intake = begun(state)
    publish(state, TWO, 9, key=STRANGER)
    assert not intake.look()
    assert reasons(intake) == ["Untrusted"]


def test_an_activation_for_another_runtime_than_its_snapshot_is_refused(state):
    publish(state, a_snapshot(runtime=a_runtime("default/other")), 1)
    intake = begun(state)
    assert offered(intake) is None
    assert "Damaged" in reasons(intake)


def test_endpoints_are_followed_and_bad_ones_leave_the_old(state):
    intake = begun(state)
    endpoints.write(state, {"main": ("127.0.0.1:1",)})
    assert intake.look_for_endpoints()
    assert intake.found == {"main": ("127.0.0.1:1",)}
    state.endpoints.write_text("{")
    assert not intake.look_for_endpoints()
    assert intake.found == {"main": ("127.0.0.1:1",)}
    assert reasons(intake) == ["Damaged"]


def test_a_newer_decision_for_what_is_offered_is_kept_without_loading(state):
    publish(state, ONE, 1)
    intake = begun(state)
    snapshot = intake.snapshot
    publish(state, ONE, 1, epoch=2)
    assert intake.look()
    assert offered(intake) == (2, 1, ONE.digest)
    assert intake.snapshot is snapshot
    assert state.accepted.read_bytes() == state.activation.read_bytes()


def test_another_signature_on_what_was_taken_is_kept_and_offers_nothing_new(state):
    publish(state, ONE, 1)
    intake = Intake(state, Keyring([KEY.public, STRANGER.public]))
    intake.begin()
    publish(state, ONE, 1, key=STRANGER)
    assert not intake.look()
    assert state.accepted.read_bytes() == state.activation.read_bytes()
    assert not intake.problems


def test_what_can_not_be_remembered_is_not_offered(state):
    publish(state, ONE, 1)
    intake = begun(state)
    publish(state, TWO, 2)
    state.accepted.unlink()
    state.accepted.mkdir()
    assert not intake.look()
    assert offered(intake) == (1, 1, ONE.digest)
    state.accepted.rmdir()
    assert intake.look(again=True)
    assert offered(intake) == (1, 2, TWO.digest)


def test_a_folder_of_another_runtime_is_not_served(state):
    publish(state, ONE, 1)
    begun(state)
    intake = Intake(state, Keyring([KEY.public]), "default/other")
    intake.begin()
    assert offered(intake) is None
    assert set(reasons(intake)) == {"Damaged"}


def test_an_entry_at_fault_is_known(state):
    publish(state, ONE, 1)
    intake = begun(state)
    publish(state, a_snapshot(a_route("m1"), replace(a_route("broken"), backends=())), 2)
    assert not intake.look()
    assert intake.problems["activation"].entry == "route/default/broken"


def test_what_was_wrong_at_the_start_is_forgotten_once_it_is_repaired(state):
    publish(state, ONE, 1)
    begun(state)
    damage(state, ONE)
    intake = begun(state)
    assert offered(intake) is None
    assert len(intake.problems) > 1
    publish(state, ONE, 1)
    assert intake.look()
    assert not intake.problems
