"""What a RuntimeDeployment's conditions say of engines, as the workers see them."""

import pytest
from compiler_resources import RUNTIME_REF, a_route, a_runtime
from test_conditions_support import F, R, T, a_world, digest_of, statuses, the, trouble, written

from fourplane_api.report import PoolReport, PoolState
from fourplane_compiler.conditions import Report

UP, DEGRADED, DOWN = PoolState


def pool(name, state, message=""):
    return PoolReport(name=name, state=state, message=message)


def seen(*workers, ref=RUNTIME_REF):
    """Return what is written where each worker tells of pools."""
    world = a_world(a_runtime(), a_route())
    return written(world, *(Report(acknowledged=digest_of(world), pools=pools) for pools in workers), ref=ref)


def test_engines_that_answer_every_worker_are_ready():
    found = the(seen((pool("p", UP),), (pool("p", UP),)), "PoolsReady")
    assert (found.status, found.reason, found.message) == (T, "PoolsReady", "")


@pytest.mark.parametrize(("state", "reason"), [(DEGRADED, "PoolsDegraded"), (DOWN, "PoolsDown")])
def test_the_worst_that_a_worker_sees_is_told_and_ready_does_not_follow_it(state, reason):
    found = seen((pool("p", UP),), (pool("p", state, "a: refused"),))
    told = the(found, "PoolsReady")
    assert (told.status, told.reason, told.message) == (F, reason, f"pool p is {state.lower()}: a: refused")
    assert {kind: statuses(found)[kind] for kind in ("Ready", "Reconciling", "Stalled")} == {
        "Ready": T,
        "Reconciling": F,
        "Stalled": F,
    }


def test_the_gravest_pool_stands_first_and_each_has_one_message():
    told = (pool("a", DEGRADED, "x: gone"), pool("b", DOWN, "z: gone"), pool("c", UP))
    found = the(seen(told, (pool("b", DOWN, "y: gone"),)), "PoolsReady")
    assert found.reason == "PoolsDown"
    assert found.message == "pool b is down: y: gone. pool a is degraded: x: gone"


def test_how_many_workers_say_the_same_changes_nothing():
    one = (pool("p", DOWN, "a: refused"),)
    assert seen(one) == seen(one, one, ())


def test_nothing_is_said_where_no_worker_tells_of_pools_nor_of_a_route():
    assert "PoolsReady" not in statuses(seen(()))
    found = seen((pool("p", DOWN, "a: refused"),), ref=R)
    assert "PoolsReady" not in statuses(found)
    assert trouble(found) == ("Ready", "Ready")


def test_a_long_message_is_cut():
    many = tuple(pool(f"p{index}", DOWN, "x" * 512) for index in range(32))
    assert len(the(seen(many), "PoolsReady").message) == 2048
