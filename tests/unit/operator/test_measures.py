"""Propagation and pacing, by a clock that tests move."""

import asyncio

from operator_making import Clock

from fourplane_operator.pacing import Bucket
from fourplane_operator.propagation import Propagation


def test_a_change_has_propagated_when_the_last_worker_serves_it():
    clock = Clock()
    propagation = Propagation(clock)
    propagation.offered((1, 2), clock.now - 0.5)
    assert propagation.heard([(1, 2), (1, 1)]) is None
    assert propagation.text == ""
    clock.now += 0.25
    assert propagation.heard([(1, 2), (1, 2)]) == 0.75
    assert propagation.text == "750ms"


def test_it_is_said_once_and_stays_when_another_worker_comes():
    clock = Clock()
    propagation = Propagation(clock)
    propagation.offered((1, 1), clock.now)
    assert propagation.heard([(1, 1)]) == 0
    clock.now += 5
    assert propagation.heard([(1, 1)]) is None
    assert propagation.heard([(1, 1), (0, 0)]) is None
    assert propagation.text == "1ms"


def test_a_newer_decision_that_workers_hold_counts_too():
    propagation = Propagation(Clock())
    propagation.offered((1, 9), 1000.0)
    assert propagation.heard([(2, 1)]) is not None


def test_without_a_decision_or_without_workers_there_is_nothing_to_measure():
    propagation = Propagation(Clock())
    assert propagation.heard([(1, 1)]) is None
    propagation.offered((1, 1), 0.0)
    assert propagation.heard([]) is None


def test_those_who_wait_come_one_after_the_other():
    async def story():
        bucket = Bucket(200.0, 1, asyncio.get_running_loop().time)
        await bucket.wait()
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(bucket.wait() for _ in range(4)))
        return asyncio.get_running_loop().time() - begun

    assert asyncio.run(story()) >= 0.015
