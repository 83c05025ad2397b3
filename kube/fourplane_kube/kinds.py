"""Kinds of objects, and where an API server has them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one version."""

    api_version: str
    """`GROUP/VERSION`, or `v1` for the core group."""
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of an object, NAME or NAME/SUBRESOURCE, or of a collection; without a namespace, of all."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [root, self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name) if part]
        return "/".join(parts)

    def __str__(self) -> str:
        """Write it as people do."""
        return self.kind


def ours(kind: str, plural: str) -> Kind:
    """Return a kind of this project."""
    return Kind("fourplane.dev/v1alpha1", kind, plural)


RUNTIME_DEPLOYMENT = ours("RuntimeDeployment", "runtimedeployments")
MODEL_ROUTE = ours("ModelRoute", "modelroutes")
CONFIG_SHARD = ours("ConfigShard", "configshards")
CONFIG_SNAPSHOT = ours("ConfigSnapshot", "configsnapshots")
RUNTIME_ACTIVATION = ours("RuntimeActivation", "runtimeactivations")
WORKER_REPORT = ours("WorkerReport", "workerreports")

CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
EVENT = Kind("v1", "Event", "events")
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
POD = Kind("v1", "Pod", "pods")
SECRET = Kind("v1", "Secret", "secrets")
SERVICE = Kind("v1", "Service", "services")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
