"""The operator is killed at every write between an edit and its activation, and at every write of a takeover."""

import os
import signal

import pytest
from drill import answered, behind, decided, orphans, shop, to
from proxy import Answer, Asked, CutError, Fault
from system_worker import eventually

pytestmark = pytest.mark.timeout(300)
TAKEOVERS = 4
"""Two writes: the activation under the new epoch, and the first of the edit; the others are the first test's."""


class KillAtWrite(Fault):
    """Kills an operator when its nth write comes by: before the API server has it, or before the answer is back."""

    def __init__(self, operator, nth, *, is_lost):
        self.operator = operator
        self.left = nth
        self.is_lost = is_lost
        self.killed_at = ""

    async def before(self, asked: Asked) -> Answer | None:
        if asked.is_write:
            self.left -= 1
            if self.left == 0 and self.is_lost:
                self.kill(asked)
        return None

    async def after(self, asked: Asked, answer: Answer) -> Answer:
        if asked.is_write and self.left == 0 and not self.killed_at:
            self.kill(asked)
        return answer

    def kill(self, asked):
        os.kill(self.operator.process.pid, signal.SIGKILL)
        self.killed_at = f"{asked.method} {asked.path}"
        raise CutError


def steps():
    """Yield the first write lost and then taken, the second, and so on."""
    nth = 0
    while True:
        nth += 1
        yield nth, True
        yield nth, False


def edits():
    """Yield edits: two that are new, and then back to what was once before; so that each meets both ways of a kill."""
    number = 0
    while True:
        number += 1
        yield to("right", deadline=f"{number}s")
        yield to("right", deadline=f"{number}m")
        yield to("left")


def again(site, operator):
    """Start an operator that was killed, without the wait for the end of its Lease."""
    operator.process.wait()
    site.cluster.kubectl_text("delete", "lease", site.rights.lease, f"--namespace={site.namespace}")
    operator.start()


def is_programmed(site):
    """Tell whether the latest route is served everywhere."""
    found = site.get("mroute", "steady")
    ready = [one for one in found.get("status", {}).get("conditions", ()) if one["type"] == "Ready"]
    return ready and ready[0]["status"] == "True" and ready[0]["observedGeneration"] == found["metadata"]["generation"]


@pytest.fixture
def started(site, proxy, engine, start_operator, start_worker):
    operator = start_operator(site, *behind(proxy, site))
    worker = start_worker(site, "shop-0")
    site.apply(*shop(engine.address))
    site.until("mroute", "steady", "Ready", "True")
    return operator, worker


def test_an_operator_that_is_killed_at_any_step_of_an_edit_finishes_it_when_it_is_back(site, proxy, started):
    operator, worker = started
    wanted, killed = [site.active()["stable"]], []
    for (nth, is_lost), edit in zip(steps(), edits(), strict=False):
        proxy.fault = fault = KillAtWrite(operator, nth, is_lost=is_lost)
        site.apply(edit)
        eventually(lambda fault=fault: fault.killed_at or is_programmed(site), "it is killed, or done")
        if not fault.killed_at:
            break
        killed.append(fault.killed_at)
        proxy.fault = Fault()
        again(site, operator)
        site.until("mroute", "steady", "Ready", "True")
        wanted.append(site.active()["stable"])
        model = edit["spec"]["backends"][0]["model"]
        assert answered(worker) == ("OK", model, wanted[-1])
        assert not orphans(site)
    wanted.append(site.active()["stable"])
    print(f"killed at {len(killed)} steps: {killed}")
    assert decided(proxy) == wanted, "something else was activated in between"
    for plural in ("configshards", "configsnapshots", "runtimeactivations", "modelroutes"):
        assert any(plural in one for one in killed), killed


def test_an_operator_that_is_killed_at_any_step_of_a_takeover_finishes_it_when_it_is_back(site, proxy, started):
    operator, worker = started
    wanted, killed = [site.active()["stable"]], []
    for (nth, is_lost), edit in zip(steps(), edits(), strict=False):
        operator.end(signal.SIGKILL)
        site.apply(edit)
        proxy.fault = fault = KillAtWrite(operator, nth, is_lost=is_lost)
        again(site, operator)
        eventually(lambda fault=fault: fault.killed_at or is_programmed(site), "it is killed, or done")
        proxy.fault = Fault()
        if fault.killed_at:
            killed.append(fault.killed_at)
            again(site, operator)
            site.until("mroute", "steady", "Ready", "True")
        wanted.append(site.active()["stable"])
        assert answered(worker)[0::2] == ("OK", wanted[-1])
        if not fault.killed_at or len(killed) == TAKEOVERS:
            break
    print(f"killed at {len(killed)} steps: {killed}")
    assert decided(proxy) == wanted, "something else was activated in between"
    assert "PUT" in killed[0]
    assert not orphans(site)
