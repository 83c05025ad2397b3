"""Watches that can't be resumed: what happened in the gap is found by listing again, deletions included."""

import contextlib
import json
import os
import signal
import urllib.request

import pytest
from drill import answered, asked_for, behind, follows_behind, settled, shop, to
from proxy import Answer, Asked, CutError, Fault
from system_runtime import a_route
from system_worker import eventually

pytestmark = pytest.mark.timeout(180)
GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "metadata": {}}


class Gap(Fault):
    """Nothing passes."""

    async def before(self, asked: Asked) -> Answer | None:
        raise CutError


class Expired(Fault):
    """The first watch of each path is told that its version is too old, as an answer or as an event."""

    def __init__(self, *, as_event):
        self.as_event = as_event
        self.told = set()

    async def before(self, asked: Asked) -> Answer | None:
        if not asked.is_watch or asked.path in self.told:
            return None
        self.told.add(asked.path)
        if self.as_event:
            event = {"type": "ERROR", "object": GONE | {"message": "too old resource version"}}
            return Answer(200, json.dumps(event).encode() + b"\n")
        return Answer.failure(410, "Expired", "too old resource version")


@pytest.mark.parametrize("as_event", [False, True], ids=["an answer", "an event"])
def test_what_happened_while_an_operator_could_not_watch_is_compiled_also_a_deletion(
    site, proxy, engine, start, as_event
):
    start.operator(site, *behind(proxy, site), may_complain=not as_event)  # kopf ends a watch that is answered so
    worker = start.worker(site, "shop-0")
    site.apply(*shop(engine.address), a_route("gone", ("main", "left")))
    site.until("mroute", "gone", "Ready", "True")
    settled(site)
    assert asked_for(worker, "gone")[0] == "OK"
    proxy.fault = Gap()
    proxy.cut()
    site.cluster.kubectl_text("delete", "modelroute", "gone", f"--namespace={site.namespace}")
    site.apply(to("right"))
    proxy.fault = fault = Expired(as_event=as_event)
    settled(site)
    assert answered(worker)[:2] == ("OK", "right")
    eventually(lambda: asked_for(worker, "gone")[0], "the deletion is found", lambda code: code == "NOT_FOUND")
    assert any(path.endswith("/modelroutes") for path in fault.told)


@pytest.mark.parametrize("as_event", [False, True], ids=["an answer", "an event"])
def test_what_happened_while_a_worker_could_not_watch_is_served(site, proxy, engine, start, as_event):
    start.operator(site)
    worker = start.worker(site, "shop-0", *follows_behind(proxy, site, "shop-0"))
    site.apply(*shop(engine.address))
    settled(site)
    proxy.fault = Gap()
    proxy.cut()
    site.cluster.kubectl_text("delete", "runtimeactivation", "shop", f"--namespace={site.namespace}")
    site.apply(to("right"))
    proxy.fault = fault = Expired(as_event=as_event)
    settled(site)
    assert answered(worker)[:2] == ("OK", "right")
    assert any(path.endswith("/runtimeactivations") for path in fault.told)


def test_both_find_what_etcd_has_compacted_meanwhile(own_site, engine, start):
    site, cluster = own_site, own_site.cluster
    operator, worker = start.operator(site), start.worker(site, "shop-0")
    site.apply(*shop(engine.address), a_route("gone", ("main", "left")))
    site.until("mroute", "gone", "Ready", "True")
    settled(site)
    with paused(operator, worker):
        cluster.api_server.kill()
        cluster.api_server.start()
        cluster.kubectl_text("delete", "modelroute", "gone")
        site.apply(to("right"))
        compact(cluster)
        cluster.api_server.restart()
    settled(site)
    assert answered(worker)[:2] == ("OK", "right")
    eventually(lambda: asked_for(worker, "gone")[0], "the deletion is found", lambda code: code == "NOT_FOUND")


@contextlib.contextmanager
def paused(*programs):
    """Stop programs in the middle of whatever they do."""
    for each in programs:
        os.kill(each.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in programs:
            os.kill(each.process.pid, signal.SIGCONT)


def compact(cluster):
    """Make etcd forget everything but what is there now."""
    revision = etcd(cluster, "range", {"key": "AA=="})["header"]["revision"]
    etcd(cluster, "compaction", {"revision": revision, "physical": True})


def etcd(cluster, what, question):
    request = urllib.request.Request(f"{cluster._etcd_url}/v3/kv/{what}", data=json.dumps(question).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
