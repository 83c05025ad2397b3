"""Definitions, rights and objects that are not there yet, or not for a while."""

import json
from pathlib import Path

import pytest
from acting_operator import nothing_behind
from running_operator import Site
from system_runtime import a_route
from system_worker import eventually

CRDS = Path(__file__).resolve().parents[3] / "crds"


def apply_definitions(cluster):
    for path in sorted(CRDS.glob("fourplane.dev_*.yaml")):
        cluster.apply(path)


def test_an_operator_waits_for_its_definitions_and_takes_up_what_comes(own_cluster, tmp_path, start_operator):
    site = Site(own_cluster, "default", tmp_path)
    operator = start_operator(site, may_complain=True)
    eventually(lambda: operator.logged("is the chart of the definitions installed?"), "it says what it lacks")
    assert "the kinds can't be watched yet" in operator.not_ready()
    apply_definitions(own_cluster)
    eventually(operator.not_ready, "it is ready", lambda said: said == "")
    site.apply(*nothing_behind("echo"))
    first = site.activates()
    # Definitions that are removed take all objects with them; later ones are watched again.
    own_cluster.kubectl_text("delete", "crd", "modelroutes.fourplane.dev", "--timeout=30s")
    eventually(lambda: operator.logged("watching ended, it begins anew"), "it notices")
    apply_definitions(own_cluster)
    eventually(operator.not_ready, "it is ready again", lambda said: said == "")
    site.apply(*nothing_behind("another"))
    site.activates(after=first["stable"])
    site.until("mroute", "another", "Ready", "False", "NoWorkers")


@pytest.mark.usefixtures("takes_rights")
def test_nothing_is_compiled_while_something_can_not_be_listed(site, start_operator):
    """An operator that restarts must not drop the routes that it can't see."""
    operator = start_operator(site)
    site.apply(*nothing_behind("echo", "other"))
    site.until("mroute", "other", "Programmed", "False", "NoWorkers")
    eventually(lambda: operator.metrics().value("fourplane_operator_activations_total"), "all is activated")
    before = site.get("runtimeactivation", "shop")
    operator.end()
    (role,) = [one for one in site.items("role") if one["metadata"]["name"].endswith("-operator")]
    blind = json.loads(json.dumps(role))
    for rule in blind["rules"]:
        rule["resources"] = [one for one in rule["resources"] if one != "modelroutes"]
    blind["rules"] = [rule for rule in blind["rules"] if rule["resources"]]
    replace(site, blind)
    operator.start()
    eventually(lambda: operator.logged("nothing is compiled before"), "it says what it can't list")
    assert site.get("runtimeactivation", "shop") == before
    (role,) = [one for one in site.items("role") if one["metadata"]["name"].endswith("-operator")]
    replace(site, blind | {"rules": json.loads(json.dumps(role))["rules"] + [OF_ROUTES]})
    eventually(
        lambda: site.get("runtimeactivation", "shop"),
        "it leads again",
        lambda found: found["spec"]["epoch"] > before["spec"]["epoch"],
    )
    assert site.active()["stable"] == before["spec"]["stable"]


OF_ROUTES = {
    "apiGroups": ["fourplane.dev"],
    "resources": ["modelroutes", "modelroutes/status"],
    "verbs": ["get", "list", "watch", "patch"],
}


def replace(site, role):
    role["metadata"].pop("resourceVersion", None)
    namespaced = f"--namespace={site.namespace}"
    site.cluster.kubectl_text("replace", namespaced, "--filename=-", stdin=json.dumps(role))


def test_a_restart_changes_nothing_but_the_epoch(site, start_operator, start_worker):
    operator = start_operator(site)
    start_worker(site, "shop-0")
    site.apply(*nothing_behind("echo", "other"), a_route("lost", ("main", "nothing")))
    for name in ("echo", "other"):
        site.until("mroute", name, "Ready", "True")
    site.until("mroute", "lost", "ResolvedRefs", "False")
    site.until("rtd", "shop", "Ready", "True")
    before, active = {one["metadata"]["name"]: one for one in site.items("mroute")}, site.active()
    operator.end()
    operator.start()
    again = eventually(site.active, "it leads again", lambda spec: spec["epoch"] > active["epoch"])
    status = eventually(
        lambda: site.get("rtd", "shop")["status"],
        "its revision is told",
        lambda found: found["revision"] == f"{again['epoch']}.{again['sequence']}" and found["applied"] == "1/1",
    )
    assert again["stable"] == active["stable"] == status["digest"]
    assert {one["metadata"]["name"]: one for one in site.items("mroute")} == before
    assert operator.metrics().value("fourplane_operator_status_writes_total") <= 3
