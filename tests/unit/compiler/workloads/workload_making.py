"""A runtime and what it makes: each test says only what it is about."""

from compiler_resources import a_document, a_model, a_pool

from fourplane_api import parse
from fourplane_compiler.workloads.plan import plan
from fourplane_compiler.workloads.settings import ClusterFacts, WorkloadSettings

SETTINGS = WorkloadSettings(
    worker_image="example/worker:1",
    triton_image="example/triton:1",
    public_keys={"a.pub": "-----BEGIN PUBLIC KEY-----"},
)
METRICS = ClusterFacts(custom_metrics=True)


def a_managed_pool(name="p", repository="pvc://models/here", **server):
    triton = {"modelRepository": repository, "models": [a_model()]}
    return {"name": name, "triton": triton | ({"server": server} if server else {})}


def a_deployment(*pools, name="demo", workers=None, uid="u-1", namespace="team"):
    spec = {"pools": list(pools) or [a_pool()]} | ({"workers": workers} if workers is not None else {})
    return parse(a_document("RuntimeDeployment", name, spec, uid=uid, namespace=namespace))


def planned(*pools, settings=SETTINGS, facts=None, **resource):
    return plan(a_deployment(*pools, **resource), settings, facts or ClusterFacts())


def bodies(found, kind, component="worker"):
    return [
        one.body
        for one in found.manifests
        if one.key.kind == kind and one.body["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]


def body(found, kind, component="worker"):
    (one,) = bodies(found, kind, component)
    return one


def pod_of(found, component="worker"):
    return body(found, "Deployment", component)["spec"]["template"]


def container_of(found, component="worker"):
    (one,) = pod_of(found, component)["spec"]["containers"]
    return one
