"""Engines of others, that speak the Open Inference Protocol behind a Service: they come and go while requests run."""

from contextlib import ExitStack

import pytest
from drill import settled
from service_slices import Endpoints, own_address
from system_engine import Engine
from system_load import Caller, running
from system_runtime import a_route, a_runtime
from system_worker import eventually

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def engines():
    """Servers that answer ModelInfer and nothing else."""
    with ExitStack() as opened:
        yield [opened.enter_context(Engine(name, host=own_address())) for name in ("one", "two", "three")]


def of_a_service():
    runtime = a_runtime({"main": ([], ["left", "right"])})
    (pool,) = runtime["spec"]["pools"]
    pool["triton"] = {"service": {"name": "kserve", "port": 80}, "models": [{"name": "left"}, {"name": "right"}]}
    return runtime, a_route("steady", ("main", "left"))


def test_requests_follow_endpoints_that_come_and_go_and_none_fails(site, start, engines):
    start.operator(site)
    worker = start.worker(site, "shop-0")
    service, (one, two, three) = Endpoints(site, "kserve"), engines
    site.apply(*of_a_service())
    service.become(one)
    settled(site)
    callers = [Caller(worker.address, "steady", every_s=0.002) for _ in range(4)]
    with running(*callers):
        answer_by(callers, {"one"})
        for there in ([one, two], [two], [two, three], [three], [one, two, three]):
            service.become(*there)
            answer_by(callers, {engine.name for engine in there})
    heard = [each for caller in callers for each in caller.heard]
    assert {each.code for each in heard} == {"OK"}
    print(f"{len(heard)} requests over endpoints that came and went, none failed")


def answer_by(callers, names):
    """Wait until all of these engines answer, and no others."""

    def look():
        marks = [len(caller.heard) for caller in callers]
        eventually(
            lambda: all(len(caller.heard) > mark + 10 for caller, mark in zip(callers, marks, strict=True)),
            "requests go on",
        )
        return {each.engine for caller, mark in zip(callers, marks, strict=True) for each in caller.heard[mark + 1 :]}

    eventually(look, f"{names} answer", lambda found: found == names)
