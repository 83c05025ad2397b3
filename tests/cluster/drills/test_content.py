"""What is wrong in the API server, or on the way from it: refused, told in conditions, and put right."""

import base64
import json

import pytest
from drill import Otherwise, answered, decided, follows_behind, settled, shop, to
from proxy import Answer, Asked, Fault
from system_worker import eventually

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def ready(site, engine, start_operator, start_worker):
    """An operator and a worker that serves the first snapshot directly from the API server."""
    operator = start_operator(site)
    worker = start_worker(site, "shop-0")
    site.apply(*shop(engine.address))
    settled(site)
    return operator, worker


def edited(answer: Answer, edit) -> Answer:
    """Return an answer with another object in it."""
    found = json.loads(answer.body)
    edit(found)
    return Answer(answer.status, json.dumps(found).encode(), answer.headers)


def flipped(text: str) -> str:
    """Return the base64 of other bytes, as many."""
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


class Flipping(Fault):
    """Flips a bit in every shard that is read."""

    async def after(self, asked: Asked, answer: Answer) -> Answer:
        if asked.method == "GET" and asked.is_of("configshards") and answer.status == 200:
            return edited(answer, lambda found: found["spec"].update(data=flipped(found["spec"]["data"])))
        return answer


def test_a_shard_that_is_damaged_on_the_way_is_told_in_conditions_until_it_comes_whole(
    site, proxy, engine, start_operator, start_worker
):
    start_operator(site)
    worker = start_worker(site, "shop-0", *follows_behind(proxy, site, "shop-0"))
    site.apply(*shop(engine.address))
    settled(site)
    proxy.fault = Flipping()
    site.apply(to("right"))
    told = site.until("rtd", "shop", "Programmed", "False", "Rejected")
    assert "does not have the hash that it is named after" in told["message"]
    assert answered(worker)[:2] == ("OK", "left")
    proxy.fault = Fault()
    settled(site)
    assert answered(worker)[:2] == ("OK", "right")


@pytest.mark.parametrize("is_there", [True, False], ids=["other bytes", "nothing"])
def test_a_shard_that_somebody_replaced_or_removed_is_stored_again_once_a_worker_misses_it(
    site, ready, start_worker, is_there
):
    for found in site.items("configshards"):
        name = found["metadata"]["name"]
        site.cluster.kubectl_text("delete", "configshard", name, f"--namespace={site.namespace}")
        if is_there:
            found["spec"]["data"] = flipped(found["spec"]["data"])
            create(site, found)
    worker = start_worker(site, "shop-1")
    settled(site)
    eventually(lambda: answered(worker)[:2], "the new worker serves", lambda got: got == ("OK", "left"))
    refused = worker.metrics().value("fourplane_config_rejected_total", reason="Damaged" if is_there else "Missing")
    assert refused == 1


def test_a_snapshot_of_a_newer_operator_is_refused_and_told_and_an_older_operator_puts_it_right(
    site, engine, ready, opened, tmp_path
):
    operator, worker = ready
    first = site.active()["stable"]
    operator.stop()
    newer = Otherwise(site, tmp_path / "newer.log", how=("--contract", "9"))
    opened.callback(newer.stop)
    site.apply(to("right"))
    told = site.until("rtd", "shop", "Programmed", "False", "Rejected")
    assert "upgrade this side first" in told["message"]
    assert site.active()["stable"] != first
    assert answered(worker) == ("OK", "left", first)
    newer.stop()
    operator.start()
    settled(site)
    assert answered(worker)[:2] == ("OK", "right")


def test_epochs_that_began_anew_are_raised_above_what_a_worker_has_seen(site, engine, ready):
    operator, worker = ready
    for seen in (2, 3):
        operator.stop()
        operator.start()
        eventually(
            lambda: worker.report()["acknowledged"]["epoch"], "the epoch rises", lambda one, least=seen: one >= least
        )
    operator.stop()
    site.apply(to("right"))
    for kind in ("runtimeactivations", "workerreports"):
        site.cluster.kubectl_text("delete", kind, "--all", f"--namespace={site.namespace}")
    operator.start()
    settled(site)
    assert worker.report()["acknowledged"]["epoch"] > 3
    assert answered(worker)[:2] == ("OK", "right")


def replay(site, *objects):
    """Put objects in the place of what there is, as whoever may write everything could."""
    for found in objects:
        kind, name = found["kind"].lower(), found["metadata"]["name"]
        site.cluster.kubectl_text("delete", kind, name, "--ignore-not-found", f"--namespace={site.namespace}")
        create(site, found)


def create(site, found):
    """Make an object as somebody would; where another was faster, leave that."""
    bare = {key: found[key] for key in ("apiVersion", "kind", "spec")}
    path = f"/apis/fourplane.dev/v1alpha1/namespaces/{site.namespace}/{found['kind'].lower()}s"
    body = bare | {"metadata": {"name": found["metadata"]["name"]}}
    assert site.cluster.request("POST", path, json.dumps(body).encode())[0] in (201, 409)


@pytest.fixture
def old(site, ready):
    """What was published first, after something else was published."""
    published = [*site.items("configshards"), *site.items("configsnapshots"), site.get("runtimeactivation", "shop")]
    site.apply(to("right"))
    site.activates(after=published[-1]["spec"]["stable"])
    settled(site)
    return published


def test_an_old_signed_activation_that_is_replayed_is_never_served_and_replaced(site, ready, old):
    _, worker = ready
    newest = site.active()
    replay(site, *old)
    eventually(site.active, "it is replaced", lambda spec: spec["stable"] == newest["stable"])
    settled(site)
    eventually(
        lambda: worker.report()["acknowledged"], "all is as it was", lambda got: got["epoch"] == site.active()["epoch"]
    )
    placed = [line["digest"] for line in worker.logged("placed an activation")]
    assert placed.count(old[-1]["spec"]["stable"]) == 1
    assert answered(worker)[:2] == ("OK", "right")


def test_what_is_replayed_while_no_operator_runs_is_refused_reported_and_replaced_later(site, proxy, ready, old):
    operator, worker = ready
    operator.stop()
    replay(site, *old)
    first = old[-1]["spec"]["stable"]
    rejection = eventually(lambda: worker.report().get("rejections"), "it is refused")[0]
    assert (rejection["reason"], rejection["digest"]) == ("Replayed", first)
    assert answered(worker)[:2] == ("OK", "right")
    operator._command += ["--kubeconfig", str(proxy.through(site.rights.operator))]
    operator.start()
    settled(site)
    eventually(lambda: "rejections" not in worker.report(), "nothing is refused any more")
    assert first not in decided(proxy)
    assert answered(worker)[:2] == ("OK", "right")


class Replaying(Fault):
    """Hands over an old activation wherever one is read."""

    def __init__(self, old):
        self.old = old

    async def after(self, asked: Asked, answer: Answer) -> Answer:
        if asked.is_of("runtimeactivations") and asked.method == "GET":
            return edited(answer, lambda found: [one.update(spec=self.old["spec"]) for one in found["items"]])
        return answer

    def event(self, asked, line):
        event = json.loads(line)
        if event["object"]["kind"] != "RuntimeActivation" or event["type"] == "BOOKMARK":
            return (line,)
        event["object"]["spec"] = self.old["spec"]
        return (json.dumps(event).encode() + b"\n",)


def test_an_old_activation_on_the_way_to_one_worker_is_refused_there_and_seen_as_a_worker_behind(
    site, proxy, ready, old, start_worker
):
    worker = start_worker(site, "shop-1", *follows_behind(proxy, site, "shop-1"))
    settled(site)
    eventually(lambda: answered(worker)[:2], "it serves", lambda got: got == ("OK", "right"))
    proxy.fault = Replaying(old[-1])
    site.apply(to("right", deadline="7s"))
    rejection = eventually(lambda: worker.report().get("rejections"), "it is refused")[0]
    assert rejection["reason"] == "Replayed"
    assert answered(worker)[:2] == ("OK", "right")
    site.until("mroute", "steady", "Programmed", "False", "WorkersBehind")
    proxy.fault = Fault()
    site.apply(to("right", deadline="8s"))
    settled(site)
    assert "rejections" not in worker.report()
