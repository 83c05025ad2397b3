"""What the conditions of a resource say, case by case."""

from datetime import timedelta

from compiler_resources import (
    RUNTIME_REF,
    a_route,
    a_runtime,
    broken,
    route_ref,
    snapshot_of,
)
from test_conditions_support import NOW, F, R, T, U, a_world, active, digest_of, on, statuses, the, trouble, written

from fourplane_compiler.conditions import (
    ConditionReason,
    ConditionType,
    Held,
    Rejection,
    Subject,
    answers_of,
    applied,
    conditions,
    subject_of,
)
from fourplane_compiler.conditions.findings import CONDITION_OF
from fourplane_compiler.diagnostics import Reason


def test_a_route_that_every_worker_acknowledged_is_ready_in_all_conditions():
    world = a_world(a_runtime(), a_route(metadata={"generation": 7}))
    found = written(world, on(world), on(world))
    of_runtimes = (ConditionType.PROVISIONED, ConditionType.POOLS_READY)
    assert [one.type for one in found] == [kind.value for kind in ConditionType if kind not in of_runtimes]
    assert [one.status for one in found] == [T, T, T, T, T, T, F, F]
    assert {one.observed_generation for one in found} == {7}
    assert {one.last_transition_time for one in found} == {"2026-01-31T12:00:00Z"}


def test_a_runtime_is_ready_likewise():
    world = a_world(a_runtime(), a_route())
    assert trouble(written(world, on(world), ref=RUNTIME_REF)) == ("Ready", "Ready")


def test_on_first_sight_ready_is_unknown_and_reconciling_true():
    found = conditions(Subject(ref=R, generation=1), answers_of(None, ()), (), NOW)
    assert the(found, "Ready").status is U
    assert trouble(found) == ("Reconciling", "Pending")


def test_every_condition_fits_into_a_status_and_every_diagnostic_has_its_condition_and_reason():
    assert len(ConditionType) <= 12
    assert set(CONDITION_OF) == set(Reason)
    assert {reason.value for reason in Reason} <= {reason.value for reason in ConditionReason}


def test_a_condition_that_is_not_good_says_what_to_do_next():
    before = a_world(a_runtime(), a_route())
    after = a_world(broken("r"), before=before)
    for found in (written(after, on(before), others=[before]), written(before), written(before, on(None))):
        assert all(one.message for one in found[:6] if one.status is not T)


# What users of neighbouring systems complain about: status honesty.


def test_the_observed_generation_is_the_resources_own_and_not_the_runtimes():
    world = a_world(a_runtime(), a_route(metadata={"generation": 3}))
    assert world.deployment.generation != 3
    assert {one.observed_generation for one in written(world, on(world))} == {3}


def test_serving_stays_true_through_a_rollout_while_ready_does_not():
    before = a_world(a_runtime(), a_route(metadata={"generation": 1}))
    found = written(before, on(before), on(before))
    after = a_world(a_route(deadline="1s", metadata={"generation": 2}), before=before)
    steps = (
        (active(before), (on(before), on(before)), "NotActivated"),
        (active(after, 2), (on(before), on(before)), "WorkersBehind"),
        (active(after, 2), (on(after), on(before)), "WorkersBehind"),
    )
    for now_active, reports, why in steps:
        found = written(after, *reports, activated=now_active, others=[before], before=found)
        assert the(found, "Serving").status is T
        assert the(found, "Ready").status is F
        assert trouble(found) == ("Reconciling", why)
    found = written(after, on(after), on(after), activated=active(after, 2), others=[before], before=found)
    assert trouble(found) == ("Ready", "Ready")


def test_serving_does_not_become_true_before_every_worker_has_the_route():
    before = a_world(a_runtime())
    after = a_world(a_route(), before=before)
    found = written(after, on(before), on(after), others=[before])
    assert (the(found, "Serving").status, the(found, "Serving").reason) == (F, "NotServed")


def test_a_worker_that_comes_back_with_an_old_state_does_not_take_serving_away():
    before = a_world(a_runtime())
    after = a_world(a_route(), before=before)
    ready = written(after, on(after), others=[before])
    found = written(after, on(after), on(before), others=[before], before=ready)
    assert (the(found, "Serving").status, the(found, "Programmed").status) == (T, F)


def test_old_workers_do_not_count_for_a_new_generation():
    before = a_world(a_runtime())
    after = a_world(a_runtime(limits={"maxDeadline": "1s"}), before=before)
    reports = (on(before), on(before), on(before))
    found = written(after, *reports, others=[before], ref=RUNTIME_REF)
    assert statuses(found)["Programmed"] is F
    assert applied(active(after), reports) == "0/3"


def test_accepted_and_programmed_are_told_apart():
    world = a_world(a_runtime(), a_route())
    found = statuses(written(world, on(None)))
    assert (found["Accepted"], found["Compiled"], found["Programmed"], found["Serving"]) == (T, T, F, F)


# Config propagation.


def test_a_rejection_reaches_the_resource_and_the_field_that_it_is_about():
    before = a_world(a_runtime(), a_route(), a_route("other"))
    after = a_world(a_route(deadline="1s"), before=before)
    rejection = Rejection(digest=digest_of(after), message="the deadline is too short", source=R, field="spec.deadline")
    reports = (on(before, rejection), on(after))
    found = written(after, *reports, activated=active(after, 2), others=[before])
    assert the(found, "Programmed").reason == "Rejected"
    assert "spec.deadline: the deadline is too short" in the(found, "Ready").message
    assert trouble(found) == ("Stalled", "Rejected")
    untouched = written(after, *reports, activated=active(after, 2), others=[before], ref=route_ref("other"))
    assert trouble(untouched) == ("Ready", "Ready")
    runtime = written(after, *reports, activated=active(after, 2), others=[before], ref=RUNTIME_REF)
    assert str(R) in the(runtime, "Programmed").message


def test_an_edit_that_waits_behind_anothers_rejection_says_whose():
    before = a_world(a_runtime(), a_route(), a_route("other"))
    after = a_world(a_route(deadline="1s"), a_route("other", deadline="2s"), before=before)
    rejection = Rejection(digest=digest_of(after), message="too short", source=R, field="spec.deadline")
    found = written(after, on(before, rejection), activated=active(after, 2), others=[before], ref=route_ref("other"))
    assert trouble(found) == ("Stalled", "HeldBack")
    assert "ModelRoute default/r: spec.deadline: too short" in the(found, "Programmed").message
    assert the(found, "Serving").status is T


def test_a_new_worker_that_rejects_shows_on_the_runtime_and_not_on_routes():
    world = a_world(a_runtime(), a_route())
    rejection = Rejection(digest=digest_of(world), message="no key verifies it")
    assert trouble(written(world, on(world), on(None, rejection))) == ("Ready", "Ready")
    found = written(world, on(world), on(None, rejection), ref=RUNTIME_REF)
    assert trouble(found) == ("Stalled", "Rejected")
    assert "no key verifies it" in the(found, "Ready").message


def test_a_rejection_of_what_is_not_active_or_was_taken_after_all_is_history():
    world = a_world(a_runtime(), a_route())
    newer = a_world(a_route("other"), before=world)
    old = Rejection(digest=digest_of(world), message="full disk", source=R)
    assert trouble(written(newer, on(world, old), others=[world])) == ("Ready", "Ready")
    assert trouble(written(world, on(world, old))) == ("Ready", "Ready")


def test_an_edit_is_held_back_only_by_a_worker_that_lacks_it():
    before = a_world(a_runtime(), a_route(), a_route("other"))
    mine = a_world(a_route(deadline="1s"), before=before)
    after = a_world(a_route("other", deadline="2s"), before=mine)
    rejection = Rejection(digest=digest_of(after), message="too short", source=route_ref("other"))
    found = written(after, on(mine, rejection), on(before), others=[before, mine])
    assert trouble(found) == ("Reconciling", "WorkersBehind")
    found = written(after, on(mine), on(before, rejection), others=[before, mine])
    assert trouble(found) == ("Stalled", "HeldBack")


def test_what_has_no_effect_is_accepted_with_a_warning():
    world = a_world(a_runtime(), a_route(affinity={"header": "session-id"}))
    accepted = the(written(world, on(world)), "Accepted")
    assert (accepted.status, accepted.reason) == (T, "AffinityUnused")
    assert accepted.message.startswith("spec.affinity.header: ")


def test_a_broken_route_blocks_no_other_and_is_served_in_its_last_good_form():
    before = a_world(a_runtime(), a_route(), a_route("other"))
    after = a_world(broken("r", generation=2), before=before)
    found = written(after, on(after))
    assert statuses(found) == {
        "Accepted": F,
        "ResolvedRefs": U,
        "Compiled": F,
        "Programmed": F,
        "Serving": T,
        "Ready": F,
        "Reconciling": F,
        "Stalled": T,
    }
    assert (the(found, "Compiled").reason, the(found, "Stalled").reason) == ("LastGoodKept", "Invalid")
    assert trouble(written(after, on(after), ref=route_ref("other"))) == ("Ready", "Ready")


def test_an_edit_of_another_route_changes_nothing_while_workers_follow():
    before = a_world(a_runtime(), a_route(), a_route("other"))
    found = written(before, on(before), on(before))
    after = a_world(a_route("other", deadline="1s"), before=before)
    later = NOW + timedelta(hours=1)
    again = written(after, on(before), on(after), activated=active(after, 2), others=[before], before=found, now=later)
    assert again == found


def test_a_snapshot_that_was_read_back_holds_the_same_forms():
    world = a_world(a_runtime(), a_route())
    newer = a_world(a_route("other"), before=world)
    read = Held.of_snapshot(world.encoded.digest, snapshot_of(world))
    for ref in (R, RUNTIME_REF):
        assert subject_of(newer, ref, [read]) == subject_of(newer, ref, [Held.of(world)])
