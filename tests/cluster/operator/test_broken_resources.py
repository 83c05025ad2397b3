"""Resources that can't be used, beside others that can: the others go on, and each is told what to do."""

import json

from acting_operator import NOWHERE, nothing_behind
from control_plane import KubectlError
from running_operator import Site
from system_runtime import a_route, a_runtime
from system_worker import eventually


def test_a_broken_route_keeps_its_last_good_form_and_the_others_go_on(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    site.apply(*nothing_behind("good", "broken"))
    site.until("mroute", "broken", "Ready", "True")
    before = site.active()["stable"]
    site.apply(a_route("broken", ("main", "nothing")), a_route("later", ("main", "echo")))
    refs = site.until("mroute", "broken", "ResolvedRefs", "False", "ModelNotFound")
    assert "spec.backends[0]" in refs["message"]
    assert "nothing" in refs["message"]
    site.until("mroute", "later", "Ready", "True")
    site.until("mroute", "good", "Ready", "True")
    assert site.active()["stable"] != before
    site.until("mroute", "broken", "Compiled", "False", "LastGoodKept")
    site.until("mroute", "broken", "Serving", "True")


def test_of_two_routes_for_one_model_the_oldest_serves_it_and_the_other_follows(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    site.apply(*nothing_behind("echo"))
    site.until("mroute", "echo", "Ready", "True")
    site.apply(a_route("echo", ("main", "echo"), name="second"))
    conflict = site.until("mroute", "second", "Accepted", "False", "Conflict")
    assert f"ModelRoute {site.namespace}/echo" in conflict["message"]
    site.until("mroute", "second", "Stalled", "True", "Conflict")
    site.until("mroute", "echo", "Ready", "True")
    site.cluster.kubectl_text("delete", "mroute", "echo", f"--namespace={site.namespace}")
    site.until("mroute", "second", "Ready", "True")


def test_a_route_waits_for_its_runtime(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    runtime, route = nothing_behind("echo")
    site.apply(route)
    refs = site.until("mroute", "echo", "ResolvedRefs", "False", "RuntimeNotFound")
    assert f"{site.namespace}/shop" in refs["message"]
    assert site.conditions("mroute", "echo")["Reconciling"]["status"] == "True"
    site.apply(runtime)
    site.until("mroute", "echo", "Ready", "True")


def loosened(cluster):
    """Let the API server take anything as a spec, as definitions of another version may do."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    where = "/spec/versions/0/schema/openAPIV3Schema"
    patch = [{"op": "replace", "path": f"{where}/properties/spec", "value": anything}]
    for plural in ("runtimedeployments", "modelroutes"):
        name = f"{plural}.fourplane.dev"
        cluster.kubectl_text("patch", "crd", name, "--type=json", f"--patch={json.dumps(patch)}")
    odd = json.dumps({**a_route("odd"), "spec": {"nonsense": 1}})
    eventually(lambda: taken(cluster, odd), "the API server takes anything", lambda spec: spec == {"nonsense": 1})


def taken(cluster, document):
    try:
        made = cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=document)
    except KubectlError:
        return None
    return made["spec"]


def test_what_is_invalid_and_stored_all_the_same_keeps_its_last_good_form(own_site, start_operator, start_worker):
    site = own_site
    loosened(site.cluster)
    start_operator(site)
    start_worker(site, "shop-0")
    runtime, good, bad = nothing_behind("good", "bad")
    site.apply(runtime, good, bad)
    site.until("mroute", "bad", "Ready", "True")
    site.until("rtd", "shop", "Ready", "True")
    before = site.active()["stable"]

    def stored(document):
        site.cluster.kubectl_text("replace", "--namespace=default", "--filename=-", stdin=json.dumps(document))

    stored(a_route("bad", ("main", "echo"), retries="many"))
    accepted = site.until("mroute", "bad", "Accepted", "False", "Invalid")
    assert "spec.retries" in accepted["message"]
    site.until("mroute", "bad", "Stalled", "True", "Invalid")
    site.until("mroute", "bad", "Serving", "True")
    stored(a_runtime({"main": ([NOWHERE], [{"name": "echo", "inputs": "none"}])}))
    accepted = site.until("rtd", "shop", "Accepted", "False", "Invalid")
    assert "spec.pools[0].triton.models[0].inputs" in accepted["message"]
    site.until("rtd", "shop", "Serving", "True")
    mute = {**a_route("mute"), "spec": {"nonsense": 1}}
    site.cluster.kubectl_text("create", "--namespace=default", "--filename=-", stdin=json.dumps(mute))
    site.until("mroute", "mute", "Accepted", "False", "Invalid")
    assert site.active()["stable"] == before
    site.until("mroute", "good", "Ready", "True")
    stored(runtime)
    stored(bad)
    site.until("rtd", "shop", "Ready", "True")
    site.until("mroute", "bad", "Ready", "True")


def test_routes_of_another_namespace_come_in_where_the_runtime_lets_them(site, tmp_path, start_operator, start_worker):
    other = f"{site.namespace}-team"
    site.cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}}))
    both = Site(site.cluster, site.namespace, tmp_path, also=[other])
    start_operator(both)
    start_worker(both, "shop-0")
    runtime, _ = nothing_behind("echo")
    both.apply(runtime)
    guest = a_route("guest", ("main", "echo"))
    guest["spec"]["runtimeRef"]["namespace"] = site.namespace
    site.cluster.apply(json.dumps(guest), namespace=other)
    seen_from_there = both.at(other)
    refused = seen_from_there.until("mroute", "guest", "ResolvedRefs", "False", "RefNotPermitted")
    assert "spec.allowedRoutes.namespaces" in refused["message"]
    before = both.activates()["stable"]
    runtime["spec"]["allowedRoutes"] = {"namespaces": {"from": "Names", "names": [other]}}
    both.apply(runtime)
    both.activates(after=before)
    seen_from_there.until("mroute", "guest", "Ready", "True")
    both.apply(nothing_behind("echo")[0])
    seen_from_there.until("mroute", "guest", "ResolvedRefs", "False", "RefNotPermitted")
    eventually(both.active, "the guest is gone", lambda spec: spec["stable"] == before)
