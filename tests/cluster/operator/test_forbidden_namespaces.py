"""A watched namespace whose rights are taken holds up those runtimes alone that take routes from it."""

import json

import pytest
from acting_operator import nothing_behind
from running_operator import Site
from system_runtime import a_route
from system_worker import eventually

pytestmark = pytest.mark.usefixtures("takes_rights")


@pytest.fixture
def both(site, tmp_path):
    """A site that watches a second namespace too."""
    other = f"{site.namespace}-team"
    site.cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}}))
    return Site(site.cluster, site.namespace, tmp_path, also=[other])


def bindings(site):
    return [one for one in site.items("rolebinding") if one["metadata"]["name"].endswith("-operator")]


def listed(operator, namespace):
    return operator.metrics().value("fourplane_operator_listed", namespace=namespace)


def guest_of(site):
    guest = a_route("guest", ("main", "echo"))
    guest["spec"]["runtimeRef"]["namespace"] = site.namespace
    return guest


def named(name, *documents):
    """Return a runtime and its routes under another name than `shop`."""
    runtime, *routes = json.loads(json.dumps(documents))
    runtime["metadata"]["name"] = name
    for route in routes:
        route["metadata"]["name"] = f"{name}-{route['metadata']['name']}"
        route["spec"]["runtimeRef"]["name"] = name
    return runtime, *routes


def test_others_go_on_and_who_takes_routes_from_there_waits_until_the_rights_are_back(both, start_operator):
    far = both.at(both.watched[1])
    operator = start_operator(both).leads()
    runtime, route = nothing_behind("echo")
    runtime["spec"]["allowedRoutes"] = {"namespaces": {"from": "Names", "names": [far.namespace]}}
    both.apply(runtime, route)
    far.apply(guest_of(both))
    far.until("mroute", "guest", "Programmed", "False", "NoWorkers")
    both.apply(*named("alone", *nothing_behind("echo")))
    alone = both.activates("alone")
    far.apply(*nothing_behind("echo"))
    far.activates()
    before, over_there = both.active(), far.active()
    operator.end()
    rights = bindings(far)
    for one in rights:
        far.cluster.kubectl_text("delete", "rolebinding", one["metadata"]["name"], f"--namespace={far.namespace}")
    operator.start()
    eventually(lambda: operator.logged(f"namespace {far.namespace} can't be listed"), "it says what it can't list")
    both.apply(*named("alone", *nothing_behind("echo", "more")))
    eventually(lambda: both.active("alone"), "the edit is activated", lambda s: s["stable"] != alone["stable"])
    both.apply(*nothing_behind("echo", "more")[2:])
    assert (listed(operator, both.namespace), listed(operator, far.namespace)) == (1, 0)
    assert operator.not_ready() == ""
    assert (both.active(), far.active()) == (before, over_there), "nothing is compiled from a part"
    for one in rights:
        kept = {key: one["metadata"][key] for key in ("name", "namespace")}
        far.cluster.apply(json.dumps({**one, "metadata": kept}), namespace=far.namespace)
    eventually(lambda: listed(operator, far.namespace), "it is listed again", lambda said: said == 1)
    eventually(far.active, "it is led again", lambda s: s["epoch"] > over_there["epoch"])
    assert far.active()["stable"] == over_there["stable"]
    both.until("mroute", "more", "Programmed", "False", "NoWorkers")
    far.until("mroute", "guest", "Programmed", "False", "NoWorkers")
    assert both.active()["stable"] != before["stable"]
    far.apply(a_route("later", ("main", "echo")))
    far.until("mroute", "later", "Programmed", "False", "NoWorkers")
    assert len(operator.logged(f"namespace {far.namespace} can't be listed")) == 1
