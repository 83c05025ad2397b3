"""One object to apply, and what all of them carry: labels, and the RuntimeDeployment as their owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, NamedTuple, TypeAlias

from fourplane_api import API_VERSION, RuntimeDeployment
from fourplane_compiler.sources import RUNTIME
from fourplane_compiler.workloads import names
from fourplane_compiler.workloads.settings import WorkloadSettings

Body: TypeAlias = dict[str, Any]
"""A part of an object, as JSON has it."""

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "fourplane"
RUNTIME_LABEL = "fourplane.dev/runtime"
POOL_LABEL = "fourplane.dev/pool"
_NAME, _INSTANCE, _COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"


@unique
class Component(StrEnum):
    """What an object is for."""

    WORKER = "worker"
    ENGINE = "engine"


_PROGRAM = {Component.WORKER: "fourplane-worker", Component.ENGINE: "triton"}


class Key(NamedTuple):
    """One object's place."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object to apply."""

    body: Body

    @property
    def key(self) -> Key:
        """Return its place."""
        metadata = self.body["metadata"]
        return Key(self.body["kind"], metadata["namespace"], metadata["name"])


@dataclass(frozen=True, slots=True)
class Maker:
    """Writes manifests of one runtime."""

    resource: RuntimeDeployment
    settings: WorkloadSettings

    @property
    def runtime(self) -> str:
        """Return the runtime's name."""
        return self.resource.metadata.name

    def manifest(self, kind: str, name: str, component: Component, *, pool: str = "", **rest: Any) -> Manifest:
        """Return an object with its frame; `rest` is its spec, or whatever the kind has in place of one."""
        metadata = {
            "name": name,
            "namespace": self.resource.metadata.namespace,
            "labels": self.labels(component, pool),
            "ownerReferences": [self._owner()],
        }
        metadata |= rest.pop("metadata", {})
        return Manifest({"apiVersion": _API_VERSIONS[kind], "kind": kind, "metadata": metadata} | rest)

    def labels(self, component: Component, pool: str = "") -> Body:
        """Return the labels of an object or pod."""
        instance = names.label_value(self.runtime)
        return {_INSTANCE: instance, _COMPONENT: component, MANAGED_BY: MANAGER} | self.selector(component, pool)

    def selector(self, component: Component, pool: str = "") -> Body:
        """Return the labels that tell these pods from all others; a Deployment's can never be changed."""
        labels = {_NAME: _PROGRAM[component], RUNTIME_LABEL: names.label_value(self.runtime)}
        return labels | ({POOL_LABEL: pool} if pool else {})

    def _owner(self) -> Body:
        """Return the owner reference; to block its deletion would take a right on its finalizers."""
        return {
            "apiVersion": API_VERSION,
            "kind": RUNTIME,
            "name": self.runtime,
            "uid": self.resource.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }


_API_VERSIONS: Mapping[str, str] = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
KINDS = tuple(_API_VERSIONS)
"""Every kind that is made."""
