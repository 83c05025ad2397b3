"""An API server in memory, clocks that tests move, and objects as the API server has them."""

import copy
from itertools import count

from fourplane_kube import ConflictError, ExistsError, NotFoundError, RefusedError

API = "fourplane.dev/v1alpha1"
ROUTE, RUNTIME = "ModelRoute", "RuntimeDeployment"


class Clock:
    """Seconds that a test moves."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


class FakeCluster:
    """Objects in versions, with the preconditions that an API server keeps."""

    def __init__(self):
        self.objects = {}
        self._versions = count(1)
        self.failing = None
        self.before = None
        """Is called ahead of each request, with its method, kind and name."""
        self.asked = []

    def _at(self, method, kind, name):
        self.asked.append((method, kind.kind, name))
        if self.before is not None:
            self.before(method, kind, name)
        if self.failing is not None:
            raise self.failing
        return (kind.kind, name)

    def _stored(self, key, body):
        metadata = body["metadata"]
        version = next(self._versions)
        metadata.setdefault("uid", f"uid-{version}")
        metadata["resourceVersion"] = str(version)
        self.objects[key] = body
        return copy.deepcopy(body)

    def _found(self, key, metadata=None):
        if key not in self.objects:
            raise NotFoundError(f"{key} is not there", status=404)
        found = self.objects[key]
        for field in ("resourceVersion", "uid"):
            wanted = (metadata or {}).get(field)
            if wanted and wanted != found["metadata"][field]:
                raise ConflictError(f"{key} is another {field}", status=409)
        return found

    async def get(self, kind, namespace, name):
        return copy.deepcopy(self._found(self._at("GET", kind, name)))

    async def list(self, kind, namespace=""):
        self._at("LIST", kind, "")
        found = [copy.deepcopy(one) for (of, _), one in self.objects.items() if of == kind.kind]
        return found, str(next(self._versions))

    async def list_metadata(self, kind, namespace=""):
        return [{"metadata": one["metadata"]} for one in (await self.list(kind, namespace))[0]]

    async def create(self, kind, namespace, body):
        key = self._at("POST", kind, body["metadata"]["name"])
        if key in self.objects:
            raise ExistsError(f"{key} is there", status=409)
        return self._stored(key, copy.deepcopy(body))

    async def replace(self, kind, namespace, body):
        key = self._at("PUT", kind, body["metadata"]["name"])
        found = self._found(key, body["metadata"])
        return self._stored(
            key, copy.deepcopy(body) | {"metadata": {**body["metadata"], "uid": found["metadata"]["uid"]}}
        )

    async def apply(self, kind, namespace, body, *, manager, subresource="", force=True):
        key = self._at("PATCH", kind, body["metadata"]["name"])
        if key not in self.objects:
            raise RefusedError(f"{key} lacks a spec", status=422)
        found = self._found(key, body["metadata"])
        merged = found | {part: value for part, value in body.items() if part in ("spec", "status")}
        given = body["metadata"]
        annotations = {**found["metadata"].get("annotations", {}), **given.get("annotations", {})}
        merged["metadata"] = found["metadata"] | {"annotations": annotations}
        return self._stored(key, copy.deepcopy(merged))

    async def delete(self, kind, namespace, name, *, uid="", resource_version=""):
        key = self._at("DELETE", kind, name)
        self._found(key, {"uid": uid, "resourceVersion": resource_version})
        del self.objects[key]


def a_document(kind, name, spec, *, version, namespace="default", uid="", generation=1, status=None, created=""):
    """Return an object as a watch has it."""
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-of-{name}",
            "generation": generation,
            "resourceVersion": str(version),
            **({"creationTimestamp": created} if created else {}),
        },
        "spec": spec,
        **({"status": status} if status else {}),
    }


def a_route(name="r", *, version, runtime="demo", of_namespace="", model="", **metadata):
    reference = {"name": runtime} | ({"namespace": of_namespace} if of_namespace else {})
    spec = {"runtimeRef": reference, "model": {"name": model or name}, "backends": [{"pool": "p", "model": "m"}]}
    return a_document(ROUTE, name, spec, version=version, **metadata)
