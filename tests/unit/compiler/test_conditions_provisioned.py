"""What a RuntimeDeployment's conditions say of the objects that it makes."""

from dataclasses import replace

import pytest
from compiler_resources import RUNTIME_REF, a_route, a_runtime, broken
from test_conditions_support import NOW, F, T, U, a_world, active, on, statuses, the, trouble

from fourplane_compiler.conditions import (
    NOT_YET,
    ConditionReason,
    Provisioning,
    Shortfall,
    answers_of,
    conditions,
    subject_of,
)


def provisioned(made, world=None, ref=RUNTIME_REF, before=()):
    world = world or a_world(a_runtime(), a_route())
    subject = replace(subject_of(world, ref, ()), provisioning=made)
    return conditions(subject, answers_of(active(world), [on(world)]), before, NOW)


def short(*reasons, generation=0):
    return Provisioning(generation, tuple(Shortfall(reason, f"{reason.value} it is; act") for reason in reasons))


def test_what_stands_is_provisioned_and_ready():
    found = provisioned(Provisioning(0))
    assert (the(found, "Provisioned").status, the(found, "Provisioned").reason) == (T, "Provisioned")
    assert trouble(found) == ("Ready", "Ready")


def test_who_makes_nothing_has_no_such_condition():
    assert "Provisioned" not in statuses(provisioned(None))


@pytest.mark.parametrize(
    ("reason", "ends"),
    [
        (ConditionReason.NAME_TAKEN, "Stalled"),
        (ConditionReason.APPLY_FAILED, "Stalled"),
        (ConditionReason.SECRET_REFUSED, "Stalled"),
        (ConditionReason.REPOSITORY_NOT_SERVED, "Stalled"),
        (ConditionReason.IMAGE_MISSING, "Stalled"),
        (ConditionReason.PODS_FAILING, "Stalled"),
        (ConditionReason.PODS_NOT_READY, "Reconciling"),
    ],
)
def test_ready_waits_for_it_and_what_needs_someone_is_stalled(reason, ends):
    found = provisioned(short(reason))
    assert (the(found, "Provisioned").status, the(found, "Ready").status) == (F, F)
    assert trouble(found) == (ends, reason)
    assert the(found, "Ready").message == f"{reason.value} it is; act"


def test_the_gravest_reason_stands_first_and_all_are_told():
    found = the(provisioned(short(ConditionReason.PODS_NOT_READY, ConditionReason.NAME_TAKEN)), "Provisioned")
    assert found.reason == "NameTaken"
    assert found.message == "NameTaken it is; act. PodsNotReady it is; act"


def test_a_missing_autoscaler_is_said_and_harmless():
    found = provisioned(short(ConditionReason.NOT_AUTOSCALED))
    assert (the(found, "Provisioned").status, the(found, "Provisioned").reason) == (T, "NotAutoscaled")
    assert the(found, "Provisioned").message
    assert trouble(found) == ("Ready", "Ready")
    graver = the(provisioned(short(ConditionReason.NOT_AUTOSCALED, ConditionReason.PODS_NOT_READY)), "Provisioned")
    assert graver.message == "PodsNotReady it is; act"


@pytest.mark.parametrize("made", [NOT_YET, Provisioning(7)])
def test_what_was_made_of_another_generation_does_not_count(made):
    found = provisioned(made)
    assert (the(found, "Provisioned").status, the(found, "Provisioned").reason) == (U, "Pending")
    assert trouble(found) == ("Reconciling", "Pending")


def test_an_invalid_resource_says_what_to_do_first():
    before = a_world(a_runtime(), a_route())
    after = a_world(broken("demo", "RuntimeDeployment"), before=before)
    found = provisioned(Provisioning(0), after)
    assert (the(found, "Provisioned").status, the(found, "Provisioned").reason) == (U, "NotChecked")
    assert trouble(found) == ("Stalled", "Invalid")


def test_an_operator_that_takes_over_keeps_what_stands_until_it_has_looked():
    stood = provisioned(Provisioning(0))
    assert provisioned(NOT_YET, before=stood) == stood
    late = provisioned(short(ConditionReason.PODS_NOT_READY))
    assert provisioned(NOT_YET, before=late) == late
    of_another_generation = [one.model_copy(update={"observed_generation": 7}) for one in stood]
    assert the(provisioned(NOT_YET, before=of_another_generation), "Provisioned").reason == "Pending"
