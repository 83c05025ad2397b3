"""An API server that throttles, that is slow, or that breaks connections at random: what was asked for comes true."""

import asyncio
import random

import pytest
from drill import answered, behind, follows_behind, settled, shop, to
from proxy import Answer, Asked, CutError, Fault
from system_worker import eventually

pytestmark = pytest.mark.timeout(240)


def refusal() -> Answer:
    return Answer.failure(429, "TooManyRequests", "too many requests, try again", **{"Retry-After": "1"})


class Throttling(Fault):
    """Refuses a third of all requests, as an API server with too much to do; asks to wait for a second."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    async def before(self, asked: Asked) -> Answer | None:
        return refusal() if self.random.random() < 0.33 else None


class RefusingAll(Fault):
    """Refuses all."""

    def __init__(self):
        self.refused = 0

    async def before(self, asked: Asked) -> Answer | None:
        self.refused += 1
        return refusal()


class Slow(Fault):
    """Takes its time for every answer."""

    async def before(self, asked: Asked) -> Answer | None:
        await asyncio.sleep(0.3)
        return None


class Breaking(Fault):
    """Breaks a fifth of all connections: before a request arrives, before its answer is back, or in a watch."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.broken = 0

    def roll(self):
        if self.random.random() < 0.2:
            self.broken += 1
            raise CutError

    async def before(self, asked: Asked) -> Answer | None:
        self.roll()
        return None

    async def after(self, asked: Asked, answer: Answer) -> Answer:
        self.roll()
        return answer

    def event(self, asked, line):
        self.roll()
        return (line,)


@pytest.fixture
def disturbed(site, proxy, engine, start):
    """An operator and a worker whose ways to the API server a test may disturb."""
    start.operator(site, *behind(proxy, site), may_complain=True)  # kopf ends a watch that is throttled
    worker = start.worker(site, "shop-0", *follows_behind(proxy, site, "shop-0"))
    site.apply(*shop(engine.address))
    settled(site)
    return worker


def edits_come_true(site, worker, count):
    for number in range(count):
        model = "left" if number % 2 else "right"
        site.apply(to(model, deadline=f"{number + 1}s"))
        site.until("mroute", "steady", "Ready", "True")
        assert answered(worker)[:2] == ("OK", model)


@pytest.mark.parametrize("fault", [Throttling(seed=1), Slow()], ids=["throttled", "slow"])
def test_edits_come_true_behind_an_api_server_that_has_too_much_to_do(site, proxy, disturbed, fault):
    proxy.fault = fault
    edits_come_true(site, disturbed, 2)


def test_edits_come_true_over_connections_that_break_at_random(site, proxy, disturbed):
    proxy.fault = fault = Breaking(seed=1)
    edits_come_true(site, disturbed, 4)
    assert fault.broken > 5


def test_edits_come_true_after_a_time_in_which_all_is_refused(site, proxy, disturbed):
    proxy.fault = fault = RefusingAll()
    proxy.cut()
    eventually(lambda: fault.refused > 12, "both have tried again and again")
    proxy.fault = Fault()
    edits_come_true(site, disturbed, 1)
