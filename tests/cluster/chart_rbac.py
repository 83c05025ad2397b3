"""The chart's rights in a real API server.

documents = rendered(namespace="control", watchNamespaces=["shop"])
rights = install_rights(cluster, "control", watchNamespaces=["shop"])   # applies RBAC alone, by default
rights.operator                                                      # a kubeconfig with exactly the operator's rights
worker = rights.worker(cluster, "shop", pod="vision-0")              # one of a worker, whose token is bound to that pod
install_policy(cluster, "control")                                   # who may write a WorkerReport: cluster-wide
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane import ControlPlane, KubectlError
from rendering import CRDS, ROOT, arguments, container, rendered

__all__ = [
    "CRDS",
    "ROOT",
    "Rights",
    "apply",
    "bound_to_pod",
    "container",
    "install_policy",
    "install_rights",
    "rendered",
]

RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
POLICY = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@dataclass(frozen=True)
class Rights:
    """What an installed chart grants."""

    operator: Path
    """A kubeconfig that acts as the operator's service account."""
    worker_role: str
    """Name of the ClusterRole that the operator binds workers to: its `--worker-role`."""
    signing_key_secret: str
    """The one Secret that the operator may read: its `--signing-key-secret`."""
    lease: str
    """The one Lease that it may write: its `--lease-name`."""

    def worker(self, cluster: ControlPlane, namespace: str, pod: str, *, account: str = "worker") -> Path:
        """Make a pod and its account, bind the worker's role to it; return a kubeconfig with the pod's token."""
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": self.worker_role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }
        cluster.apply(json.dumps(binding), namespace=namespace)
        return bound_to_pod(cluster, namespace, pod, account)


def install_rights(cluster: ControlPlane, namespace: str, **values: Any) -> Rights:
    """Apply the accounts, roles and bindings of a release in that namespace, which must be there and may be served."""
    documents = rendered(namespace, allowOwnNamespace=True, **values)
    apply(cluster, (each for each in documents if each["kind"] in RIGHTS))
    (deployment,) = (each for each in documents if each["kind"] == "Deployment")
    given = arguments(deployment)
    return Rights(
        cluster.kubeconfig_of(deployment["spec"]["template"]["spec"]["serviceAccountName"], namespace),
        given["worker-role"],
        given.get("signing-key-secret", ""),
        given["lease-name"],
    )


def install_policy(cluster: ControlPlane, namespace: str) -> None:
    """Apply the admission policy, and wait until the API server goes by it; it then holds in every namespace."""
    apply(cluster, (each for each in rendered(namespace, clusterWide=True) if each["kind"] in POLICY))
    report = {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "WorkerReport",
        "metadata": {"name": "probe"},
        "spec": {
            "runtime": "default/probe",
            "workerVersion": "0.0.0",
            "contractVersions": ["1"],
            "processes": {"wanted": 0, "serving": 0, "summary": "0/0"},
        },
    }
    end = time.monotonic() + 30
    while True:
        try:
            cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(report))
        except KubectlError as error:
            if "bound to no pod" in str(error):
                return
            raise
        assert time.monotonic() < end, "the policy is not in force"
        time.sleep(0.1)


def apply(cluster: ControlPlane, documents: Iterable[dict[str, Any]]) -> None:
    """Apply objects, each in the namespace that it names."""
    everything = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    cluster.kubectl_text("apply", "--server-side", "--filename=-", stdin=json.dumps(everything))


def bound_to_pod(cluster: ControlPlane, namespace: str, pod: str, account: str) -> Path:
    """Make the account and a pod of it; return a kubeconfig with a token like the one that the pod would have."""
    cluster.service_account(account, namespace)
    spec = {"serviceAccountName": account, "containers": [{"name": "worker", "image": "none"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}, "spec": spec}
    (made,) = _items(cluster.apply(json.dumps(body), namespace=namespace))
    bound = {"kind": "Pod", "name": pod, "uid": made["metadata"]["uid"]}
    return cluster.kubeconfig_of(account, namespace, *(f"--bound-object-{key}={value}" for key, value in bound.items()))


def _items(found: dict[str, Any]) -> list[dict[str, Any]]:
    return found["items"] if found["kind"] == "List" else [found]
