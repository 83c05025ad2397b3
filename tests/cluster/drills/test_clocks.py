"""Wall clocks that are minutes apart: who leads, what is served and what is told do not depend on them."""

import pytest
from drill import MemberOtherwise, Otherwise, answered, settled, shop, to
from drill_fixtures import Start
from system_worker import eventually

pytestmark = pytest.mark.timeout(180)
AHEAD, BEHIND = ("--skew", "600"), ("--skew", "-600")


def holder(site):
    return site.cluster.kubectl("get", "lease", site.rights.lease, f"--namespace={site.namespace}")["spec"]


def leads(operator):
    return operator.metrics().value("fourplane_operator_leader") == 1


@pytest.fixture
def skewed(site, opened, tmp_path):
    """Start operators and workers whose clocks are wrong."""

    def operator(name, how):
        started = Otherwise(site, tmp_path / f"{name}.log", how=how)
        opened.callback(started.stop)
        return started

    def worker(name, how):
        started = MemberOtherwise(site, name, tmp_path, how=how)
        opened.callback(started.stop)
        return started

    return Start(operator, worker)


@pytest.mark.parametrize(("first", "second"), [(AHEAD, BEHIND), (BEHIND, AHEAD)], ids=["ahead leads", "behind leads"])
def test_operators_whose_clocks_differ_by_20_minutes_take_turns_as_any_others(site, engine, skewed, first, second):
    one = skewed.operator("one", first).leads()
    two = skewed.operator("two", second)
    workers = [skewed.worker(name, how) for name, how in (("shop-0", AHEAD), ("shop-1", BEHIND))]
    site.apply(*shop(engine.address))
    settled(site)
    taken = holder(site)["leaseTransitions"]
    for number in range(3):
        site.apply(to("left" if number % 2 else "right", deadline=f"{number + 1}s"))
        settled(site)
        assert (leads(one), leads(two)) == (True, False)
    assert holder(site)["leaseTransitions"] == taken
    one.stop()
    eventually(lambda: leads(two), "the other takes over")
    site.apply(to("left"))
    settled(site)
    eventually(lambda: site.get("rtd", "shop")["status"]["applied"], "both serve it", lambda said: said == "2/2")
    assert [answered(worker)[:2] for worker in workers] == [("OK", "left")] * 2
