"""What is deleted goes without harm to what is under way, and nothing else goes with it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from acting_operator import nothing_behind
from conformance_calls import Peer, floats
from system_engine import HELD, Engine
from system_runtime import a_route, a_runtime
from system_worker import eventually


def infer(worker, model):
    with Peer(worker.address) as peer:
        return peer.infer(floats(model, [1.0]))


def test_a_call_that_is_under_way_ends_after_its_route_was_deleted(site, start_operator, start_worker):
    with Engine() as engine, ThreadPoolExecutor() as pool:
        start_operator(site)
        worker = start_worker(site, "shop-0")
        site.apply(a_runtime({"main": ([engine.address], [HELD])}), a_route("going", ("main", HELD)))
        site.until("mroute", "going", "Ready", "True")
        before = site.active()["stable"]
        call = pool.submit(infer, worker, "going")
        assert engine.holding.acquire(timeout=30)
        site.cluster.kubectl_text("delete", "mroute", "going", f"--namespace={site.namespace}")
        after = site.activates(after=before)["stable"]
        worker.until(lambda status: status["acknowledged"]["digest"] == after, "the worker serves without it")
        assert infer(worker, "going").code == "NOT_FOUND"
        engine.let_go.set()
        answer = call.result(30)
        assert (answer.code, answer.trailers["x-fourplane-digest"]) == ("OK", before)


def test_workers_serve_on_when_no_operator_is_left(site, start_operator, start_worker):
    with Engine() as engine:
        operator = start_operator(site)
        worker = start_worker(site, "shop-0")
        site.apply(a_runtime({"main": ([engine.address], ["left"])}), a_route("steady", ("main", "left")))
        site.until("mroute", "steady", "Ready", "True")
        operator.end()
        assert infer(worker, "steady").code == "OK"
        worker.end()
        worker.start()
        worker.until(lambda status: status.get("acknowledged"), "the worker serves what was activated")
        assert infer(worker, "steady").code == "OK"


@pytest.mark.timeout(180)  # controllers take their time on a busy machine
def test_a_deleted_runtime_takes_what_was_made_of_it_along_and_may_come_again(own_site, start_operator, start_worker):
    site = own_site
    site.cluster.start_controllers()
    start_operator(site)
    worker = start_worker(site, "shop-0")
    runtime, route = nothing_behind("echo")
    site.apply(runtime, route)
    site.until("rtd", "shop", "Ready", "True")
    first = site.active()
    site.cluster.kubectl_text("delete", "rtd", "shop", "--namespace=default")
    for kind in ("runtimeactivation", "configsnapshot", "configshard"):
        eventually(lambda kind=kind: site.items(kind), f"every {kind} goes", lambda found: not found)
    site.until("mroute", "echo", "ResolvedRefs", "False", "RuntimeNotFound")
    assert worker.status()["acknowledged"]["digest"] == first["stable"]
    site.apply(runtime)
    site.until("rtd", "shop", "Ready", "True")
    site.until("mroute", "echo", "Ready", "True")
    again = site.active()
    assert again["stable"] == first["stable"]
    assert (again["epoch"], again["sequence"]) > (first["epoch"], first["sequence"])


@pytest.mark.timeout(180)
def test_a_runtime_that_is_replaced_at_once_owns_what_is_published(own_site, start_operator, start_worker):
    """Collecting what the first one owned takes nothing of what the second one needs."""
    site = own_site
    start_operator(site)
    start_worker(site, "shop-0")
    runtime, route = nothing_behind("echo")
    site.apply(runtime, route)
    site.until("rtd", "shop", "Ready", "True")
    first = site.active()
    site.cluster.kubectl_text("delete", "rtd", "shop", "--namespace=default")
    site.apply(runtime)
    uid = site.get("rtd", "shop")["metadata"]["uid"]
    kinds = ("runtimeactivation", "configsnapshot", "configshard")

    def owners():
        found = (one for kind in kinds for one in site.items(kind))
        return [{owner["uid"] for owner in one["metadata"]["ownerReferences"]} for one in found]

    eventually(owners, "the second one owns all", lambda found: len(found) >= 3 and all(uid in one for one in found))
    site.cluster.start_controllers()
    eventually(owners, "it alone does", lambda found: len(found) >= 3 and all(one == {uid} for one in found))
    site.until("rtd", "shop", "Ready", "True")
    site.until("mroute", "echo", "Ready", "True")
    assert site.active()["stable"] == first["stable"]
