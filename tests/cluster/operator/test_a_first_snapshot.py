from acting_operator import NOWHERE
from system_runtime import a_route, a_runtime


def test_what_is_applied_is_compiled_activated_acknowledged_and_told(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    site.apply(a_runtime({"main": ([NOWHERE], ["echo"])}), a_route("echo", ("main", "echo")))
    site.cluster.kubectl_text(
        *("wait", "--for=condition=Ready", "--timeout=30s", f"--namespace={site.namespace}"),
        *("rtd/shop", "mroute/echo"),
    )
    status = site.get("rtd", "shop")["status"]
    assert status["applied"] == "1/1"
    assert status["digest"] == site.active()["stable"]
    assert status["propagation"].endswith("ms")


def test_an_edit_of_one_route_rewrites_the_status_of_no_other(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    routes = [a_route(name, ("main", "echo")) for name in ("one", "two")]
    site.apply(a_runtime({"main": ([NOWHERE], ["echo", "other"])}), *routes)
    site.until("mroute", "two", "Ready", "True")
    site.until("mroute", "one", "Ready", "True")
    before, active = site.get("mroute", "two"), site.active()["stable"]
    site.apply(a_route("one", ("main", "other")))
    site.activates(after=active)
    site.until("mroute", "one", "Ready", "True")
    start_worker(site, "shop-1")
    site.until("rtd", "shop", "Ready", "True")
    assert site.get("mroute", "two") == before
