"""What a worker says of its pools, in one line each."""

import pytest

from fourplane_api.report import PoolReport, PoolState
from fourplane_worker.cluster import pools
from fourplane_worker.process.messages import CONNECTING, Reach

UP, NEW, GONE = Reach(), Reach(failure=CONNECTING), Reach(failure="refused")
BROKEN = Reach(broken={"n": "it is UNAVAILABLE", "m": "its input\nis another"})


def told(**addresses):
    return tuple(pools.told(["main"], {"main": addresses}))


@pytest.mark.parametrize(
    ("addresses", "state", "message"),
    [
        ({"a": UP, "b": UP}, PoolState.UP, ""),
        ({"a": UP, "b": GONE}, PoolState.DEGRADED, "b: refused"),
        ({"a": BROKEN}, PoolState.DEGRADED, "a: model m: its input is another"),
        ({"b": GONE, "a": GONE}, PoolState.DOWN, "a: refused"),
        ({}, PoolState.DOWN, "no engine is found"),
        ({"a": NEW, "b": UP}, PoolState.UP, ""),
    ],
)
def test_a_pool_is_told_by_its_state_and_its_first_fault(addresses, state, message):
    assert told(**addresses) == (PoolReport(name="main", state=state, message=message),)


def test_a_pool_that_nobody_looked_at_yet_is_left_out():
    assert told(a=NEW) == ()
    assert tuple(pools.told(["main"], {})) == ()


def test_a_pool_of_an_earlier_snapshot_is_left_out():
    assert tuple(pools.told([], {"main": {"a": UP}})) == ()


def test_no_fault_is_too_long():
    (found,) = told(a=Reach(failure="x" * 9000))
    assert len(found.message) == pools.MAX_MESSAGE
