"""An edit of one of many, or one more worker, is written where it matters and nowhere else."""

from acting_operator import NOWHERE, nothing_behind
from system_runtime import a_route, a_runtime
from system_worker import eventually

MANY = 100


def versions(site):
    return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in site.items("mroute")}


def are_ready(routes):
    conditions = [{c["type"]: c for c in one["status"]["conditions"]}["Ready"] for one in routes]
    return len(conditions) == MANY and all(one["status"] == "True" for one in conditions)


def test_of_a_hundred_routes_only_the_edited_one_is_written_again(site, start_operator, start_worker):
    operator = start_operator(site)
    start_worker(site, "shop-0")
    _, *routes = nothing_behind(*(f"route-{number:03}" for number in range(MANY)))
    site.apply(a_runtime({"main": ([NOWHERE], ["echo", "other"])}), *routes)
    eventually(lambda: site.items("mroute"), "all are ready", are_ready)
    site.until("rtd", "shop", "Ready", "True")
    before, active = versions(site), site.active()["stable"]
    writes = operator.metrics().value("fourplane_operator_status_writes_total")

    site.apply(a_route("route-050", ("main", "other")))
    site.activates(after=active)
    site.until("mroute", "route-050", "Ready", "True")
    after = versions(site)
    assert {name for name in before if before[name] != after[name]} == {"route-050"}

    for name in ("shop-1", "shop-2"):
        start_worker(site, name)
    eventually(lambda: site.get("rtd", "shop")["status"]["applied"], "all three count", lambda said: said == "3/3")
    site.until("rtd", "shop", "Ready", "True")
    assert versions(site) == after
    assert operator.metrics().value("fourplane_operator_status_writes_total") - writes <= 10
