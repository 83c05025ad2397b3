"""A write that an overtaken leader sent and that came late is repaired by the operator that leads now."""

import json

import pytest
from provisioning_world import EXTERNAL
from system_worker import eventually

pytestmark = pytest.mark.timeout(150)
WORKER = "demo-worker"
GOOD, LATE = "localhost/worker:1", "localhost/worker:late"


def image_of(found):
    return found["spec"]["template"]["spec"]["containers"][0]["image"]


def held(found):
    ours = [one for one in found["metadata"]["managedFields"] if one["manager"] == "fourplane-operator"]
    return [one["fieldsV1"] for one in ours]


def as_held(fields, found):
    """Return the part of an object that a manager's entry names: what it would apply again."""
    if not fields:
        return found
    parts = {step: below for step, below in fields.items() if step != "."}
    if isinstance(found, list):
        keys = {step: json.loads(step.partition(":")[2]) for step in parts}
        return [
            as_held(parts[step], next(one for one in found if key.items() <= one.items())) for step, key in keys.items()
        ]
    return {step.partition(":")[2]: as_held(below, found[step.partition(":")[2]]) for step, below in parts.items()}


def test_a_late_write_under_the_operators_own_manager_is_repaired(site, start_operator):
    start_operator(site, "--worker-image", GOOD, "--worker-role", site.rights.worker_role).leads()
    runtime = {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "RuntimeDeployment",
        "metadata": {"name": "demo"},
        "spec": {"pools": [EXTERNAL]},
    }
    site.apply(runtime)
    eventually(lambda: site.items("deployments"), "a Deployment of workers is made")
    path = f"/apis/apps/v1/namespaces/{site.namespace}/deployments/{WORKER}"
    _, before = site.cluster.request("GET", path)
    (fields,) = held(before)
    metadata = {"name": WORKER}
    body = as_held(fields, before)
    body |= {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": body["metadata"] | metadata}
    body["spec"]["template"]["spec"]["containers"][0]["image"] = LATE
    query = "?fieldManager=fourplane-operator&force=true"
    sent = json.dumps(body).encode()
    status, after = site.cluster.request("PATCH", path + query, sent, content_type="application/apply-patch+yaml")
    assert (status, image_of(after), held(after)) == (200, LATE, held(before))
    repaired = eventually(
        lambda: site.cluster.request("GET", path)[1], "the image is right again", lambda found: image_of(found) == GOOD
    )
    assert held(repaired) == held(before)
    assert repaired["metadata"]["generation"] == before["metadata"]["generation"] + 2
