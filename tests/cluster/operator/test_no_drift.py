"""What users apply stays theirs: an operator adds a status and nothing else, and writes it once."""

import json

from acting_operator import NOWHERE
from system_runtime import a_route, a_runtime
from system_worker import eventually

METADATA = {
    "labels": {"team": "vision"},
    "annotations": {"example.com/owner": "someone"},
    "finalizers": ["example.com/theirs"],
}
OURS = "fourplane-operator"


def documents():
    both = a_runtime({"main": ([NOWHERE], ["echo"])}), a_route("echo", ("main", "echo"))
    return [one | {"metadata": one["metadata"] | METADATA} for one in both]


def as_users_see_it(found):
    """Everything but the status, and the fields of everyone but the operator."""
    metadata = {key: value for key, value in found["metadata"].items() if key != "resourceVersion"}
    metadata["managedFields"] = [one for one in metadata["managedFields"] if one["manager"] != OURS]
    return {"metadata": metadata, "spec": found["spec"]}


def managed(site):
    names = ("rtd/shop", "mroute/echo")
    return [
        site.cluster.kubectl("get", name, f"--namespace={site.namespace}", "--show-managed-fields") for name in names
    ]


def pipeline(site, verb, *options):
    manifests = "\n---\n".join(map(json.dumps, documents()))
    return site.cluster.kubectl_text(
        *(verb, "--server-side", "--field-manager=pipeline", f"--namespace={site.namespace}", "--filename=-", *options),
        stdin=manifests,
    )


def test_a_pipeline_sees_no_drift_and_a_second_reconcile_writes_nothing(site, start_operator, start_worker):
    pipeline(site, "apply")
    before = managed(site)
    operator = start_operator(site)
    start_worker(site, "shop-0")
    site.until("rtd", "shop", "Ready", "True")
    site.until("mroute", "echo", "Ready", "True")
    after = managed(site)
    assert list(map(as_users_see_it, after)) == list(map(as_users_see_it, before))
    for found in after:
        (entry,) = (one for one in found["metadata"]["managedFields"] if one["manager"] == OURS)
        assert (entry["operation"], entry["subresource"], set(entry["fieldsV1"])) == ("Apply", "status", {"f:status"})
    assert pipeline(site, "diff") == ""  # it ends with 1 where there is a difference
    written = operator.metrics().value("fourplane_operator_status_writes_total")
    pipeline(site, "apply")
    label(site, "mroute/echo")
    site.apply(a_route("later", ("main", "echo")))  # when this one is settled, the others were looked at again
    site.until("mroute", "later", "Ready", "True")
    site.until("rtd", "shop", "Ready", "True")
    echo = managed(site)[1]
    assert echo["metadata"]["resourceVersion"] == labelled_version(site)
    assert written >= 2


def label(site, name):
    site.cluster.kubectl_text("label", name, "touched=yes", f"--namespace={site.namespace}")
    (site.folder / "labelled").write_text(site.get(*name.split("/"))["metadata"]["resourceVersion"])


def labelled_version(site):
    return (site.folder / "labelled").read_text()


def test_a_status_that_somebody_else_writes_is_set_right(site, start_operator, start_worker):
    start_operator(site)
    start_worker(site, "shop-0")
    site.apply(*(one | {"metadata": {"name": one["metadata"]["name"]}} for one in documents()))
    good = site.until("mroute", "echo", "Ready", "True")
    patch = [{"op": "replace", "path": "/status/conditions/0/message", "value": "all is lost"}]
    site.cluster.kubectl_text(
        *("patch", "mroute/echo", "--subresource=status", "--type=json", f"--patch={json.dumps(patch)}"),
        f"--namespace={site.namespace}",
    )
    eventually(
        lambda: site.get("mroute", "echo")["status"]["conditions"],
        "the status is as it was",
        lambda conditions: good in conditions and all(one["message"] != "all is lost" for one in conditions),
    )
