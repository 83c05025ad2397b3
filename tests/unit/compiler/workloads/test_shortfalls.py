"""What is said of a Deployment as it stands, and of what was refused."""

import pytest
from workload_making import a_managed_pool, planned

from fourplane_compiler.workloads import shortfalls
from fourplane_compiler.workloads.manifest import Key
from fourplane_compiler.workloads.plan import Lack

KEY = Key("Service", "team", "demo-worker")


def a_found(generation=2, conditions=(), **status):
    counts = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3} | status
    metadata = {"name": "demo-worker", "generation": generation, "labels": {"fourplane.dev/runtime": "demo"}}
    return {"metadata": metadata, "status": counts | {"conditions": list(conditions)}}


def said(found, at_least=3):
    short = shortfalls.of_deployment(found, at_least)
    return (short.reason.value, short.message) if short else None


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
UNMADE = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}


def test_enough_ready_pods_of_the_latest_form_are_all_that_is_asked_for():
    assert said(a_found()) is None
    assert said(a_found(replicas=9, updatedReplicas=9, availableReplicas=4)) is None
    assert said(a_found(replicas=0, updatedReplicas=0, availableReplicas=0), 0) is None


def test_a_status_of_an_earlier_generation_says_nothing():
    reason, message = said(a_found(generation=3))
    assert (reason, "not looked at yet" in message) == ("PodsNotReady", True)
    assert said({"metadata": {"name": "new", "generation": 1}})[0] == "PodsNotReady"


def test_old_pods_do_not_stand_in_for_new_ones():
    reason, message = said(a_found(replicas=4, updatedReplicas=1, availableReplicas=3))
    assert (reason, "3 pods of an earlier form" in message) == ("PodsNotReady", True)


@pytest.mark.parametrize("status", [{"availableReplicas": 1}, {"updatedReplicas": 1, "replicas": 1}])
def test_missing_pods_are_counted(status):
    reason, message = said(a_found(**status))
    assert (reason, "1 of 3 pods are ready" in message) == ("PodsNotReady", True)
    assert "kubectl describe pods -l fourplane.dev/runtime=demo" in message


@pytest.mark.parametrize(("condition", "why"), [(LATE, "in time"), (UNMADE, "exceeded quota")])
def test_pods_that_do_not_come_by_themselves_are_failing(condition, why):
    reason, message = said(a_found(conditions=[condition], availableReplicas=1))
    assert (reason, why in message) == ("PodsFailing", True)


def test_a_failure_that_lacks_no_pod_is_past():
    assert said(a_found(conditions=[UNMADE])) is None


def test_pods_that_crash_after_a_complete_rollout_are_waited_for_and_then_failing():
    complete = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    short = {"type": "Available", "status": "False"}
    found = a_found(conditions=[complete, short], availableReplicas=1)
    assert shortfalls.has_lost_pods(found)
    assert said(found)[0] == "PodsNotReady"
    overdue = shortfalls.of_deployment(found, 3, is_overdue=True)
    assert (overdue.reason, "not, for long; look at its pods" in overdue.message) == ("PodsFailing", True)
    assert shortfalls.of_deployment(a_found(), 3, is_overdue=True) is None


@pytest.mark.parametrize("other", [{"reason": "ReplicaSetUpdated"}, {"reason": "ProgressDeadlineExceeded"}])
def test_pods_of_a_rollout_that_goes_on_are_not_lost(other):
    short = {"type": "Available", "status": "False"}
    assert not shortfalls.has_lost_pods(a_found(conditions=[{"type": "Progressing"} | other, short]))
    complete = {"type": "Progressing", "reason": "NewReplicaSetAvailable"}
    assert not shortfalls.has_lost_pods(a_found(conditions=[complete, {"type": "Available", "status": "True"}]))
    assert not shortfalls.has_lost_pods({"metadata": {"name": "new"}})


def test_an_autoscaler_without_metrics_is_told():
    found = {"metadata": {"name": "demo-worker"}}
    lame = {"type": "ScalingActive", "status": "False", "reason": "FailedGetPodsMetric"}
    assert shortfalls.of_autoscaler(found) is None
    assert shortfalls.of_autoscaler(found | {"status": {"conditions": [lame]}}).reason == "NotAutoscaled"
    off = lame | {"reason": "ScalingDisabled"}
    assert shortfalls.of_autoscaler(found | {"status": {"conditions": [off]}}) is None


def test_every_message_says_what_to_do_and_is_bounded():
    (remark,) = planned(a_managed_pool(repository="models")).remarks
    for one in (shortfalls.taken(KEY), shortfalls.going(KEY), shortfalls.refused(KEY, "x" * 5000)):
        assert "Service team/demo-worker" in one.message
        assert ";" in one.message
        assert len(one.message) < 600
    assert shortfalls.of_remark(remark).message.startswith("spec.pools[0].triton.modelRepository: ")


def test_everything_that_can_lack_has_a_reason():
    assert set(shortfalls._REASON_OF) == set(Lack)
