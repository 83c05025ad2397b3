"""What people and tools are told, and in what order."""

from acting_operator import NOWHERE
from system_runtime import a_route, a_runtime
from system_worker import eventually
from watching_history import History

from fourplane_kube.kinds import MODEL_ROUTE


def by_type(found):
    return {one["type"]: one for one in found.get("status", {}).get("conditions", ())}


def test_no_form_of_a_resource_ever_claims_more_than_was_found_of_its_generation(site, start_operator, start_worker):
    """The order of kstatus: what is not ready is either on its way or stalled, and every write says of what it is."""
    start_operator(site)
    start_worker(site, "shop-0")
    with History(site, MODEL_ROUTE).recorded() as history:
        site.apply(a_runtime({"main": ([NOWHERE], ["echo", "other"])}), a_route("echo", ("main", "echo")))
        site.until("mroute", "echo", "Ready", "True")
        site.apply(a_route("echo", ("main", "nothing")))
        site.until("mroute", "echo", "ResolvedRefs", "False", "ModelNotFound")
        site.apply(a_route("echo", ("main", "other")))
        site.until("mroute", "echo", "Ready", "True")
    first, *_ = history.seen
    assert {one["status"] for one in by_type(first).values()} == {"Unknown"}, "nobody has looked at it yet"
    told = [one for one in history.seen if "observedGeneration" in one["status"]]
    assert len(told) < 12
    for one in told:
        conditions, status = by_type(one), one["status"]
        assert {each["observedGeneration"] for each in conditions.values()} == {status["observedGeneration"]}
        true = [name for name in ("Ready", "Reconciling", "Stalled") if conditions[name]["status"] == "True"]
        assert len(true) == 1
    assert {one["status"]["observedGeneration"] for one in told} == {1, 2, 3}
    second = [by_type(one) for one in told if one["status"]["observedGeneration"] == 2]
    assert {conditions["Ready"]["status"] for conditions in second} == {"False"}


def test_every_kind_can_be_waited_for(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    site.apply(a_runtime({"main": ([NOWHERE], ["echo"])}), a_route("echo", ("main", "echo")))
    for name in ("runtimedeployment/shop", "modelroute/echo"):
        site.cluster.kubectl_text("wait", "--for=condition=Ready", "--timeout=30s", "-n", site.namespace, name)
    printed = site.cluster.kubectl_text("get", "rtd,mroute", f"--namespace={site.namespace}")
    assert "1/1" in printed
    assert site.get("rtd", "shop")["status"]["digestShort"] in printed


def test_without_a_worker_a_definite_answer_says_what_to_do(site, start_operator):
    start_operator(site)
    site.apply(a_runtime({"main": ([NOWHERE], ["echo"])}), a_route("echo", ("main", "echo")))
    for kind, name in (("rtd", "shop"), ("mroute", "echo")):
        ready = site.until(kind, name, "Ready", "False", "NoWorkers")
        assert "start one" in ready["message"]
        assert site.until(kind, name, "Reconciling", "True", "NoWorkers")
        assert site.conditions(kind, name)["Stalled"]["status"] == "False"
    assert site.get("rtd", "shop")["status"]["applied"] == "0/0"


def test_events_tell_of_transitions_once(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    site.apply(a_runtime({"main": ([NOWHERE], ["echo"])}), a_route("echo", ("main", "echo")))
    site.until("mroute", "echo", "Ready", "True")

    def events():
        found = [one for one in site.items("events") if one["involvedObject"]["name"] == "echo"]
        return {(one["type"], one["reason"]) for one in found}, len(found)

    eventually(events, "it is told that the route is ready", lambda found: ("Normal", "Ready") in found[0])
    site.apply(a_route("echo", ("main", "nothing")))
    site.until("mroute", "echo", "Ready", "False")
    kinds, number = eventually(events, "it is told that it is not", lambda found: len(found[0]) >= 2)
    assert number == len(kinds) <= 5
    described = site.cluster.kubectl_text("describe", "mroute/echo", f"--namespace={site.namespace}")
    assert "ModelNotFound" in described.partition("Events:")[2]
