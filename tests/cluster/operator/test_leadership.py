"""One of several operators writes, however it loses its turn."""

import signal

import pytest
from acting_operator import nothing_behind
from system_runtime import a_route
from system_worker import eventually
from watching_history import History

from fourplane_kube.kinds import RUNTIME_ACTIVATION

SHORT = ("--lease-duration", "5")


def the_leader(*operators):
    """Wait until exactly one leads, and return it."""

    def leading():
        return [one for one in operators if one.metrics().value("fourplane_operator_leader") == 1]

    return eventually(leading, "one operator leads", lambda found: len(found) == 1)[0]


def holder(site):
    return site.get("lease", site.rights.lease)["spec"]["holderIdentity"]


def test_of_two_operators_one_writes(site, start_operator):
    operators = [start_operator(site, *SHORT) for _ in range(2)]
    with History(site, RUNTIME_ACTIVATION).recorded() as history:
        site.apply(*nothing_behind("echo"))
        first = site.activates()["stable"]
        site.apply(a_route("other", ("main", "echo")))
        site.activates(after=first)
        site.until("mroute", "other", "Programmed", "False", "NoWorkers")
    assert history.revisions() == [(1, 1), (1, 2)]
    assert sorted(one.metrics().value("fourplane_operator_activations_total") for one in operators) == [0, 2]
    assert {one.metrics().value("fourplane_operator_leader") for one in operators} == {0, 1}


def test_a_leader_that_is_paused_past_its_lease_writes_nothing_when_it_wakes(site, start_operator, start_worker):
    """It is stopped in the middle of what an edit makes it do, so that something of it is under way."""
    operators = [start_operator(site, *SHORT) for _ in range(2)]
    worker = start_worker(site, "shop-0")
    site.apply(*nothing_behind("echo"))
    site.until("rtd", "shop", "Ready", "True")
    before = site.active()
    with History(site, RUNTIME_ACTIVATION).recorded() as history:
        leader = the_leader(*operators)
        (other,) = (one for one in operators if one is not leader)
        site.apply(a_route("second", ("main", "echo")))
        leader.pause()
        other.leads()
        site.apply(a_route("third", ("main", "echo")))
        site.until("mroute", "third", "Ready", "True")
        decided = site.active()
        leader.resume()
        eventually(lambda: leader.logged("not leading any more"), "the one that was paused knows")
        site.apply(a_route("fourth", ("main", "echo")))
        site.until("mroute", "fourth", "Ready", "True")
        assert the_leader(*operators) is other
    assert history.revisions() == sorted(set(history.revisions()))
    assert decided["epoch"] > before["epoch"] == history.revisions()[0][0]
    assert len(history.digests()) == len(set(history.digests())), "a snapshot came back"
    assert site.active()["epoch"] == decided["epoch"]
    assert worker.report()["acknowledged"]["digest"] == site.active()["stable"]


def test_a_leader_that_stops_hands_over_at_once(site, start_operator):
    first, second = start_operator(site).leads(), start_operator(site)
    site.apply(*nothing_behind("echo"))
    site.activates()
    held = holder(site)
    first.stop()
    assert holder(site) != held
    second.leads()  # well before the fifteen seconds of a lease
    eventually(site.active, "the activation is taken over", lambda spec: spec["epoch"] == 2)


def test_a_leader_that_crashes_is_followed_when_its_lease_is_over(site, start_operator):
    first, second = start_operator(site, *SHORT).leads(), start_operator(site, *SHORT)
    site.apply(*nothing_behind("echo"))
    digest = site.activates()["stable"]
    held = holder(site)
    first.end(signal.SIGKILL)
    assert holder(site) == held
    second.leads()
    eventually(site.active, "the activation is taken over", lambda spec: spec["epoch"] == 2)
    assert site.active()["stable"] == digest


@pytest.mark.parametrize("clock", ["-7200", "+7200"])
def test_clocks_that_differ_by_hours_make_no_difference(site, start_operator, clock):
    site.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": site.rights.lease},
            "spec": {
                "holderIdentity": "somebody",
                "leaseDurationSeconds": 3,
                "renewTime": {"-7200": "2020-01-01T00:00:00.000000Z", "+7200": "2099-01-01T00:00:00.000000Z"}[clock],
                "leaseTransitions": 4,
            },
        }
    )
    start_operator(site, *SHORT).leads()
    assert site.get("lease", site.rights.lease)["spec"]["leaseTransitions"] == 5
