"""`fourplane worker --follow` as a process, in the name of a pod that nothing runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acting_operator import Acting
from control_plane import ControlPlane
from system_worker import Worker, eventually

from fourplane_wire.activation import Activation
from fourplane_wire.signing import SigningKey
from fourplane_worker.store.layout import StateFolder

RULES = [
    {
        "apiGroups": ["fourplane.dev"],
        "resources": ["runtimeactivations", "configsnapshots", "configshards"],
        "verbs": ["get", "list", "watch"],
    },
    {"apiGroups": ["fourplane.dev"], "resources": ["workerreports"], "verbs": ["get", "create", "update"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
]


@dataclass(frozen=True)
class Pod:
    """A pod's identity."""

    name: str
    uid: str
    kubeconfig: Path


def a_pod(cluster: ControlPlane, namespace: str, name: str) -> Pod:
    """Store a pod, and give its account the rights of a worker."""
    kubeconfig = cluster.service_account("worker", namespace)
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": "worker"}, "rules": RULES}
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "worker"},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "worker"},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": namespace}],
    }
    spec = {
        "serviceAccountName": "worker",
        "automountServiceAccountToken": False,
        "containers": [{"name": "worker", "image": "worker"}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    for each in (role, binding):
        cluster.apply(json.dumps(each), namespace=namespace)
    stored = cluster.apply(json.dumps(pod), namespace=namespace)
    return Pod(name, stored["metadata"]["uid"], kubeconfig)


@dataclass(frozen=True)
class Folder:
    """A state folder that only its worker writes."""

    folder: StateFolder


class Following(Worker):
    """A worker that follows."""

    def __init__(self, acting: Acting, pod: Pod, state: Path, log: Path, *options: str) -> None:
        """Start it, trusting the operator's key."""
        self.acting = acting
        self.pod = pod
        self.keys = log.with_suffix(".keys")
        self.keys.mkdir()
        self.trust(acting.key, "first")
        own = [
            *("--follow", acting.runtime, "--pod", pod.name, "--pod-uid", pod.uid),
            *("--kubeconfig", str(pod.kubeconfig), "--public-key", str(self.keys)),
        ]
        super().__init__(Folder(StateFolder(state)), log, *own, *options)

    def trust(self, key: SigningKey, name: str) -> None:
        """Put a public key into the folder of those that it trusts."""
        (self.keys / f"{name}.pub").write_bytes(key.public.pem())

    def report(self) -> dict[str, Any]:
        """Return its report's spec; empty where there is none."""
        return self.acting.report(self.pod.name).get("spec", {})

    def reports(self, ready: Any, what: str) -> dict[str, Any]:
        """Wait for a report."""
        return eventually(self.report, what, lambda spec: spec and ready(spec))

    def acknowledges(self, activation: Activation) -> dict[str, Any]:
        """Wait until the report acknowledges a decision."""
        wanted = activation.stable, activation.epoch, activation.sequence
        return self.reports(lambda spec: acknowledged(spec) == wanted, f"{wanted} is acknowledged")

    def rejects(self, reason: str) -> dict[str, Any]:
        """Wait until the report rejects something for a reason, and return the rejection."""
        spec = self.reports(lambda spec: _rejection(spec, reason), f"something is rejected as {reason}")
        return _rejection(spec, reason)


def acknowledged(spec: dict[str, Any]) -> tuple[str, int, int] | None:
    """Return what a report acknowledges."""
    found = spec.get("acknowledged")
    return (found["digest"], found["epoch"], found["sequence"]) if found else None


def _rejection(spec: dict[str, Any], reason: str) -> dict[str, Any]:
    return next((each for each in spec.get("rejections", ()) if each["reason"] == reason), {})
