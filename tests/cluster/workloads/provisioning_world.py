"""One runtime on a real API server, and a provisioner that hears of everything that happens to its objects."""

import json
from contextlib import asynccontextmanager

from fourplane_api import parse
from fourplane_compiler.workloads.settings import WorkloadSettings
from fourplane_kube import NotFoundError, connect
from fourplane_kube.kinds import RUNTIME_DEPLOYMENT
from fourplane_operator.provisioning import KINDS, SELECTOR, Provisioner
from fourplane_operator.settings import MANAGER

SETTINGS = WorkloadSettings(
    worker_image="localhost/worker:1", triton_image="localhost/triton:1", public_keys={"a.pub": "a public key\n"}
)
MODEL = {"name": "m", "inputs": [], "outputs": []}
EXTERNAL = {"name": "external", "triton": {"endpoints": ["triton:8001"], "models": [MODEL]}}


def managed(name, repository="pvc://models/here", **server):
    triton = {"modelRepository": repository, "models": [MODEL]}
    return {"name": name, "triton": triton | ({"server": server} if server else {})}


def everything():
    """Return a spec that uses every field that reaches an object."""
    placed = {
        "image": "localhost/other:2",
        "resources": {"requests": {"cpu": 1, "memory": "1500M"}, "limits": {"memory": "2Gi"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [
            {"key": "only", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
            {"key": "k"},
        ],
        "priorityClassName": "system-cluster-critical",
    }
    workers = {
        "processes": 2,
        "grace": "1500ms",
        "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
        "tls": {"secretName": "cert"},
        "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "inFlightPerWorker": 7},
    }
    server = {
        "gpus": 1,
        "credentialsSecretName": "keys",
        "autoscaling": {"minReplicas": 2, "maxReplicas": 3, "queueTime": "1s50ms"},
    }
    pools = [EXTERNAL, managed("claimed"), managed("stored", "s3://bucket/models", **server | placed)]
    return {"pools": pools, "workers": workers | placed}


class Writer:
    """Writes as the operator does that leads."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.writes = []

    async def apply(self, kind, namespace, body, *, subresource=""):
        self.writes.append(("apply", str(kind), body["metadata"]["name"]))
        return await self.cluster.apply(kind, namespace, body, manager=MANAGER, subresource=subresource)

    async def apply_as(self, manager, kind, namespace, body):
        self.writes.append((manager, str(kind), body["metadata"]["name"]))
        return await self.cluster.apply(kind, namespace, body, manager=manager)

    async def delete(self, kind, namespace, name, *, uid, resource_version=""):
        self.writes.append(("delete", str(kind), name))
        await self.cluster.delete(kind, namespace, name, uid=uid, resource_version=resource_version)


class World:
    """What a test works with."""

    def __init__(self, control_plane, cluster, namespace, settings):
        self.control_plane, self.cluster, self.namespace = control_plane, cluster, namespace
        self.now = 0.0
        self.settings = settings
        self.restart()

    def restart(self):
        """Begin as an operator that remembers nothing."""
        self.writer = Writer(self.cluster)
        self.provisioner = Provisioner(self.cluster, self.writer, self.settings, lambda: self.now)

    def applied(self, *pools, name="demo", **spec):
        """Apply a RuntimeDeployment, as a user does, and return it as the operator reads it."""
        body = {
            "apiVersion": "fourplane.dev/v1alpha1",
            "kind": "RuntimeDeployment",
            "metadata": {"name": name},
            "spec": {"pools": list(pools) or [EXTERNAL]} | spec,
        }
        (found,) = [self.control_plane.apply(json.dumps(body), namespace=self.namespace)]
        return parse({key: found[key] for key in ("apiVersion", "kind", "metadata", "spec")})

    async def hear(self):
        """Let the provisioner hear of all that there is, as listings do."""
        touched = set()
        for name, kind in KINDS.items():
            objects, version = await self.cluster.list(kind, self.namespace, labelSelector=SELECTOR)
            touched |= self.provisioner.listed(name, self.namespace, objects, version)
        return touched

    async def step(self, resource):
        """Hear, and provision."""
        await self.hear()
        self.writer.writes.clear()
        return await self.provisioner.provision(resource)

    async def standing(self):
        """Return resourceVersions of all objects, by kind and name."""
        found = {}
        for name, kind in KINDS.items():
            objects, _ = await self.cluster.list(kind, self.namespace, labelSelector=SELECTOR)
            found |= {(name, one["metadata"]["name"]): one["metadata"]["resourceVersion"] for one in objects}
        return found

    async def get(self, kind, name):
        return await self.cluster.get(KINDS[kind], self.namespace, name)

    async def is_there(self, kind, name):
        try:
            await self.get(kind, name)
        except NotFoundError:
            return False
        return True

    async def runtime_gone(self, name="demo"):
        await self.cluster.delete(RUNTIME_DEPLOYMENT, self.namespace, name)


@asynccontextmanager
async def a_world(control_plane, namespace, settings=SETTINGS):
    async with connect(control_plane.admin) as cluster:
        yield World(control_plane, cluster, namespace, settings)


def reasons(made):
    return [one.reason.value for one in made.provisioning.shortfalls]


def told(made, reason):
    return next(one.message for one in made.provisioning.shortfalls if one.reason.value == reason)
