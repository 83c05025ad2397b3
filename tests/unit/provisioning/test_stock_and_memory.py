"""What the provisioner keeps of objects, and what it leaves alone for a while."""

from fourplane_compiler.conditions import ConditionReason, Shortfall
from fourplane_compiler.workloads.manifest import KINDS as MADE
from fourplane_compiler.workloads.manifest import Key
from fourplane_operator.provisioning_memory import AGAIN_S, REMOVE_AFTER_S, REPAIR_AGAIN_S, SHORT_FOR_S, Memory
from fourplane_operator.provisioning_stock import KINDS, Standing, Stock, is_ours, owner_of

SERVICE = Key("Service", "team", "demo-worker")
BUDGET = Key("PodDisruptionBudget", "team", "demo-worker")
SHORT = Shortfall(ConditionReason.APPLY_FAILED, "no; act")


def an_object(version=1, uid="o", owner="r", held=("f:spec",), **metadata):
    fields = {name: {} for name in held}
    labels = {"app.kubernetes.io/managed-by": "fourplane", "fourplane.dev/runtime": "demo"}
    owners = [
        {"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "x"},
        {
            "apiVersion": "fourplane.dev/v1alpha1",
            "kind": "RuntimeDeployment",
            "name": "demo",
            "uid": owner,
            "controller": True,
        },
    ]
    managed = [
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:data": {}}},
        {"manager": "fourplane-operator", "operation": "Apply", "fieldsV1": fields},
        {"manager": "fourplane-operator", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]
    return {
        "metadata": {
            "name": "demo-worker",
            "namespace": "team",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
            "ownerReferences": owners,
            "managedFields": managed,
        }
        | metadata
    }


def standing(**given):
    return Standing.of("Service", an_object(**given))


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def a_memory():
    clock = Clock()
    return Memory(clock), clock


def test_every_kind_that_is_made_is_followed():
    assert set(KINDS) == set(MADE)


def test_an_object_says_whose_it_is_by_label_and_controller():
    assert owner_of(an_object()) == "team/demo"
    assert owner_of(an_object(labels={})) is None
    assert owner_of(an_object(ownerReferences=[])) is None
    assert not is_ours(an_object(labels={"fourplane.dev/runtime": "demo"}))


def test_only_the_fields_that_our_manager_holds_are_compared():
    assert standing(version=9).fields == standing().fields
    assert standing(held=("f:spec", "f:other")).fields != standing().fields


def test_another_value_in_a_field_that_our_manager_holds_is_drift_and_one_in_anothers_is_none():
    def fields(**content):
        return Standing.of("Service", an_object() | content).fields

    assert fields(spec={"a": 1}) != fields(spec={"a": 2})
    assert fields(spec={"a": 1}, status={"b": 1}) == fields(spec={"a": 1}, status={"b": 2})


def test_old_news_is_passed_over():
    stock = Stock()
    assert stock.put(SERVICE, standing(version=5))
    assert not stock.put(SERVICE, standing(version=5))
    assert not stock.put(SERVICE, standing(version=4, owner="other"))
    assert stock.get(SERVICE).owner == "r"


def test_what_an_owner_has_is_found_and_moves_with_the_owner():
    stock = Stock()
    stock.put(SERVICE, standing())
    stock.put(SERVICE, standing(version=2, owner="other"))
    assert [[key for key, _ in stock.of_owner(uid)] for uid in ("r", "other")] == [[], [SERVICE]]
    stock.drop(SERVICE)
    assert not stock.of_owner("other")


def test_a_listing_misses_only_what_is_older_than_itself():
    stock = Stock()
    stock.put(SERVICE, standing(version=5))
    assert stock.missing("Service", "team", set(), 4) == []
    assert [key for key, _ in stock.missing("Service", "", set(), 5)] == [SERVICE]
    assert [key for key, _ in stock.missing("Service", "team", set(), 0)] == [SERVICE]
    assert stock.missing("Service", "elsewhere", set(), 5) == []
    assert stock.missing("Service", "team", {SERVICE}, 5) == []


def test_what_stands_as_it_was_applied_needs_nothing():
    memory, _ = a_memory()
    live = standing()
    assert memory.needs(SERVICE, "body", live)
    assert not memory.applied(SERVICE, "body", live)
    assert not memory.needs(SERVICE, "body", live)
    assert memory.needs(SERVICE, "other", live)
    assert memory.needs(SERVICE, "body", standing(held=()))


def test_a_repair_that_is_undone_waits():
    memory, clock = a_memory()
    drifted = standing(held=())
    memory.applied(SERVICE, "body", standing())
    assert memory.needs(SERVICE, "body", drifted)
    assert memory.applied(SERVICE, "body", standing())
    assert not memory.needs(SERVICE, "body", drifted)
    assert (memory.held(SERVICE, "body").shortfall, memory.again_s([SERVICE])) == (None, REPAIR_AGAIN_S)
    assert memory.needs(SERVICE, "another", drifted)
    clock.now += REPAIR_AGAIN_S
    assert memory.needs(SERVICE, "body", drifted)


def test_what_failed_waits_unless_it_is_another_body():
    memory, clock = a_memory()
    memory.fail(SERVICE, "body", SHORT)
    assert memory.held(SERVICE, "body").shortfall == SHORT
    assert memory.again_s([BUDGET]) is None
    assert memory.again_s([SERVICE, BUDGET]) == AGAIN_S
    clock.now += AGAIN_S
    assert memory.held(SERVICE, "body") is None
    memory.fail(SERVICE, "body", SHORT)
    assert memory.held(SERVICE, "other") is None


def test_what_serves_goes_later_than_the_rest_and_not_at_all_when_it_is_wanted_again():
    memory, clock = a_memory()
    assert memory.may_remove(BUDGET)
    assert not memory.may_remove(SERVICE)
    assert memory.again_s([SERVICE]) == REMOVE_AFTER_S
    clock.now += REMOVE_AFTER_S
    assert memory.may_remove(SERVICE)
    memory.wanted([SERVICE])
    assert not memory.may_remove(SERVICE)
    memory.forget(SERVICE)
    assert memory.again_s([SERVICE]) is None


def test_a_removal_that_fails_waits_like_any_other():
    memory, clock = a_memory()
    memory.may_remove(SERVICE)
    clock.now += REMOVE_AFTER_S
    assert memory.again_s([SERVICE]) is None
    memory.fail(SERVICE, "", SHORT)
    assert memory.again_s([SERVICE]) == AGAIN_S


def test_a_deployment_that_lost_pods_is_overdue_after_a_while_and_not_once_they_came_back():
    memory, clock = a_memory()
    assert not memory.is_overdue(SERVICE, is_short=True)
    assert memory.again_s([SERVICE]) == SHORT_FOR_S
    clock.now += SHORT_FOR_S - 1
    assert not memory.is_overdue(SERVICE, is_short=True)
    clock.now += 1
    assert memory.is_overdue(SERVICE, is_short=True)
    assert memory.again_s([SERVICE]) is None
    assert not memory.is_overdue(SERVICE, is_short=False)
    assert not memory.is_overdue(SERVICE, is_short=True)
    memory.forget(SERVICE)
    assert memory.again_s([SERVICE]) is None


def test_an_object_without_an_owner_is_known_by_its_uid():
    memory, _ = a_memory()
    orphan = standing(ownerReferences=[])
    assert not memory.knows(SERVICE, orphan)
    memory.applied(SERVICE, "body", standing())
    assert memory.knows(SERVICE, orphan)
    assert not memory.knows(SERVICE, standing(ownerReferences=[], uid="another"))
