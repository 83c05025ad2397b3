"""What is said for each reason, what time changes, and what is read and counted beside the conditions."""

from datetime import timedelta

import pytest
from compiler_resources import (
    RUNTIME_REF,
    a_backend,
    a_model,
    a_pool,
    a_route,
    a_runtime,
    a_tensor,
    broken,
)
from test_conditions_support import NOW, F, R, T, U, a_world, active, digest_of, on, the, trouble, written

from fourplane_compiler.compilation import blank, compile_runtime
from fourplane_compiler.conditions import (
    PATIENCE,
    Held,
    Rejection,
    Report,
    Subject,
    answers_of,
    applied,
    conditions,
    look_again,
    standing,
    subject_of,
)
from fourplane_compiler.sources import Broken, Changes, ref_of
from fourplane_core.control.snapshot import Digest


@pytest.mark.parametrize(
    ("resources", "condition", "reason"),
    [
        ((broken("r"),), "Accepted", "Invalid"),
        ((a_route("a", model="x"), a_route(model="x")), "Accepted", "Conflict"),
        (
            (
                a_runtime(a_pool("p", a_model("m"), a_model("n", outputs=[a_tensor("OUT", "INT8")]))),
                a_route("r", a_backend(), a_backend(model="n")),
            ),
            "ResolvedRefs",
            "ContractMismatch",
        ),
    ],
)
def test_what_only_an_edit_can_end_is_stalled_at_once(resources, condition, reason):
    world = a_world(a_runtime(), *resources)
    found = written(world, on(world))
    assert (the(found, condition).status, the(found, condition).reason) == (F, reason)
    assert trouble(found) == ("Stalled", reason)
    assert look_again(found) is None


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (a_route(runtime="absent"), "RuntimeNotFound"),
        (a_route("r", a_backend("absent")), "PoolNotFound"),
        (a_route("r", a_backend(model="absent")), "ModelNotFound"),
    ],
)
def test_a_name_that_leads_nowhere_is_stalled_only_after_a_while(route, reason):
    world = a_world(a_runtime(), route)
    found = written(world, on(world))
    assert trouble(found) == ("Reconciling", reason)
    assert look_again(found) == NOW + PATIENCE
    assert written(world, on(world), before=found, now=NOW + PATIENCE / 2) == found
    late = written(world, on(world), before=found, now=NOW + PATIENCE)
    assert trouble(late) == ("Stalled", reason)
    assert look_again(late) is None


def test_a_route_with_a_missing_backend_and_no_last_good_form_is_programmed_and_not_serving():
    world = a_world(a_runtime(), a_route("r", a_backend(), a_backend("absent")))
    found = written(world, on(world))
    assert (the(found, "Programmed").status, the(found, "Serving").reason) == (T, "BackendsMissing")


def test_without_workers_nothing_is_served():
    world = a_world(a_runtime(), a_route())
    found = written(world, before=written(world, on(world)))
    assert (the(found, "Serving").status, trouble(found)) == (F, ("Reconciling", "NoWorkers"))


def test_the_time_changes_with_the_status_alone():
    before = a_world(a_runtime(), a_route())
    found = written(before, on(before))
    later = NOW + timedelta(hours=1)
    after = a_world(a_route(deadline="1s", metadata={"generation": 2}), before=before)
    again = written(after, on(before), activated=active(after, 2), others=[before], before=found, now=later)
    changed = {one.type for one in again if one.last_transition_time == "2026-01-31T13:00:00Z"}
    assert changed == {"Programmed", "Ready", "Reconciling"}
    assert {one.observed_generation for one in again} == {2}


def test_a_time_needs_a_zone():
    with pytest.raises(ValueError, match="zone"):
        conditions(Subject(ref=R, generation=1), answers_of(None, ()), (), NOW.replace(tzinfo=None))


def test_what_stands_is_read_without_the_unreadable():
    found = conditions(Subject(ref=R, generation=1), answers_of(None, ()), (), NOW)
    documents = [one.model_dump(mode="json", by_alias=True) for one in found]
    assert standing({"conditions": [*documents, {"type": 1}, None]}) == found
    assert standing({"conditions": "none"}) == standing(None) == ()


def test_a_standing_time_that_is_none_is_replaced():
    world = a_world(a_runtime(), a_route(runtime="absent"))
    found = [one.model_copy(update={"last_transition_time": "2026-13-31T12:00:00Z"}) for one in written(world)]
    assert written(world, before=found) == written(world)


def test_long_messages_are_bounded():
    world = a_world(a_runtime(), a_route())
    many = [Rejection(digest=digest_of(world), message=f"{index} " + "x" * 1000, source=R) for index in range(9)]
    message = the(written(world, on(None, *many), on(world)), "Programmed").message
    assert len(message) <= 2048


def test_applied_counts_the_workers_that_run_the_active_snapshot():
    world = a_world(a_runtime())
    reports = (on(world), on(None), Report(acknowledged=Digest("sha256:0")))
    assert applied(active(world), reports) == "1/3"
    assert applied(None, reports) == "0/3"


def test_a_stranger_has_no_conditions():
    world = a_world(a_runtime())
    assert subject_of(world, R, ()) is None


def test_a_broken_runtime_is_served_in_its_last_good_form_or_left_out():
    wrong, before = broken("demo", "RuntimeDeployment"), a_world(a_runtime(), a_route())
    held = a_world(wrong, before=before)
    found = written(held, on(held), ref=RUNTIME_REF)
    assert (the(found, "Compiled").reason, the(found, "Serving").status) == ("LastGoodKept", T)
    assert trouble(found) == ("Stalled", "Invalid")
    assert trouble(written(held, on(held))) == ("Ready", "Ready")
    nothing = a_world(wrong, a_route())
    found = conditions(subject_of(nothing, RUNTIME_REF, ()), answers_of(None, ()), (), NOW)
    assert (the(found, "Compiled").reason, trouble(found)) == ("LeftOut", ("Stalled", "Invalid"))


def test_a_runtime_that_is_gone_has_no_conditions_and_its_routes_wait_for_it():
    before = a_world(a_runtime(), a_route())
    after = compile_runtime(before, Changes(deletes=(RUNTIME_REF,)))
    assert subject_of(after, RUNTIME_REF, [Held.of(before)]) is None
    found = conditions(subject_of(after, R, [Held.of(before)]), answers_of(active(before), [on(before)]), (), NOW)
    assert (the(found, "Serving").status, trouble(found)) == (T, ("Reconciling", "RuntimeNotFound"))
    with pytest.raises(ValueError, match="no snapshot"):
        Held.of(after)


@pytest.mark.parametrize("route", [a_route(), a_route(namespace="team"), broken("r")])
def test_a_route_whose_runtime_exists_nowhere_has_conditions_of_a_compile_without_one(route):
    world, ref = compile_runtime(blank("default/demo"), Changes(upserts=(route,))), ref_of(route)
    assert world.encoded is None
    found = conditions(subject_of(world, ref, ()), answers_of(None, ()), (), NOW)
    refs, is_valid = the(found, "ResolvedRefs"), not isinstance(route, Broken)
    assert (refs.status, refs.reason) == ((F, "RuntimeNotFound") if is_valid else (U, "NotChecked"))
    assert the(found, "Accepted").status is (T if is_valid else F)
    assert (the(found, "Compiled").reason, the(found, "Serving").status) == ("LeftOut", F)
    assert trouble(found) == (("Reconciling", "RuntimeNotFound") if is_valid else ("Stalled", "Invalid"))
    assert subject_of(world, RUNTIME_REF, ()) is None
    arrived = compile_runtime(world, Changes(upserts=(a_runtime(allowedRoutes={"namespaces": {"from": "All"}}),)))
    assert the(written(arrived, on(arrived), ref=ref, before=found), "ResolvedRefs").status is (T if is_valid else U)


def test_nothing_that_others_wrote_is_waited_for():
    stalled = the(written(a_world(a_runtime(), a_route(runtime="absent"))), "Stalled")
    assert look_again([stalled]) is None
