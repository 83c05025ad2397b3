"""From an applied RuntimeDeployment to a worker that serves it: operator, Deployment, pod, worker, status."""

import pytest
from acting_kubelet import RunningPod
from provisioning_world import EXTERNAL
from system_worker import eventually

pytestmark = pytest.mark.timeout(300)


def a_runtime(**workers):
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "RuntimeDeployment",
        "metadata": {"name": "demo"},
        "spec": {"pools": [EXTERNAL], "workers": {"replicas": 1} | workers},
    }


A_ROUTE = {
    "apiVersion": "fourplane.dev/v1alpha1",
    "kind": "ModelRoute",
    "metadata": {"name": "r"},
    "spec": {
        "runtimeRef": {"name": "demo"},
        "model": {"name": "public"},
        "backends": [{"pool": "external", "model": "m"}],
    },
}


def pods_of(site):
    asked = ("get", "pods", "--selector=fourplane.dev/runtime=demo", f"--namespace={site.namespace}")
    return [one for one in site.cluster.kubectl(*asked)["items"] if "deletionTimestamp" not in one["metadata"]]


def test_a_worker_that_runs_as_its_pod_says_makes_its_runtime_ready(own_site, start_operator, opened, tmp_path):
    site = own_site
    site.cluster.start_controllers()
    start_operator(site, "--worker-image", "localhost/worker:1", "--worker-role", site.rights.worker_role).leads()
    site.apply(a_runtime(), A_ROUTE)
    site.until("rtd", "demo", "Provisioned", "False", "PodsNotReady")
    (first,) = eventually(lambda: pods_of(site), "the Deployment made a pod")
    running = RunningPod(site.cluster, first, tmp_path)
    opened.callback(running.stop)
    running.gets_ready()
    site.until("rtd", "demo", "Provisioned", "True")
    site.until("rtd", "demo", "Ready", "True")
    assert site.get("rtd", "demo")["status"]["applied"] == "1/1"

    site.until("mroute", "r", "Serving", "True")
    running.is_not_ready()  # the process goes on and its report stands, but no request reaches it
    for kind, name, told in (("mroute", "r", "Serving"), ("rtd", "demo", "Programmed")):
        site.until(kind, name, told, "False", "NoWorkers")
    running.gets_ready()
    for kind, name, told in (("mroute", "r", "Serving"), ("rtd", "demo", "Programmed"), ("rtd", "demo", "Ready")):
        site.until(kind, name, told, "True")

    site.apply(a_runtime(image="localhost/worker:2"))
    site.until("rtd", "demo", "Provisioned", "False", "PodsNotReady")

    def new():
        return [one for one in pods_of(site) if one["metadata"]["uid"] != running.uid]

    (second,) = eventually(new, "the Deployment made a new pod")
    assert second["spec"]["containers"][0]["image"] == "localhost/worker:2"
    successor = RunningPod(site.cluster, second, tmp_path)
    opened.callback(successor.stop)
    successor.gets_ready()
    site.until("rtd", "demo", "Ready", "True")
    assert [one["metadata"]["uid"] for one in pods_of(site)] == [successor.uid]
