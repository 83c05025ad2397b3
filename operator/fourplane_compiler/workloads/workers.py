"""The workers of a runtime: their account, the keys that they trust, and their pods."""

from math import ceil

from fourplane_compiler.workloads import names, pods, scaling
from fourplane_compiler.workloads.manifest import Body, Component, Maker, Manifest
from fourplane_compiler.workloads.scaling import Scale
from fourplane_compiler.workloads.traffic import GRPC, METRICS

STATE = "/var/lib/fourplane"
KEYS = "/etc/fourplane/keys"
TLS = "/etc/fourplane/tls"
_MARGIN_S = 5
"""Seconds between the end of the grace and the kill."""
_PROGRESS_S = 600
_GROUP_READS = 0o440


def account(maker: Maker) -> Manifest:
    """Return the workers' identity."""
    name = names.workers(maker.runtime)
    return maker.manifest("ServiceAccount", name, Component.WORKER, automountServiceAccountToken=False)


def binding(maker: Maker) -> Manifest:
    """Return what gives them their rights, and no others."""
    name, metadata = names.workers(maker.runtime), maker.resource.metadata
    return maker.manifest(
        "RoleBinding",
        name,
        Component.WORKER,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": maker.settings.worker_role},
        subjects=[{"kind": "ServiceAccount", "name": name, "namespace": metadata.namespace}],
    )


def keys(maker: Maker) -> Manifest:
    """Return the public keys; the kubelet mounts them and swaps them, so that a worker needs no right to read them."""
    name = names.worker_keys(maker.runtime)
    return maker.manifest("ConfigMap", name, Component.WORKER, data=dict(maker.settings.public_keys))


def deployment(maker: Maker, scale: Scale) -> Manifest:
    """Return the workers: a new one is ready before an old one ends, and an old one ends what it began."""
    workers, name = maker.resource.spec.workers, names.workers(maker.runtime)
    spec: Body = {
        "serviceAccountName": name,
        "automountServiceAccountToken": True,
        "terminationGracePeriodSeconds": maker.settings.drain_s + ceil(workers.grace_ms / 1000) + _MARGIN_S,
        "securityContext": pods.pod_security(maker.settings.worker_user) | {"fsGroup": maker.settings.worker_user},
        "containers": [_container(maker)],
        "volumes": _volumes(maker),
    }
    return maker.manifest(
        "Deployment",
        name,
        Component.WORKER,
        spec=scaling.replicas(scale)
        | {
            "selector": {"matchLabels": maker.selector(Component.WORKER)},
            "strategy": pods.rolling(surge="25%", unavailable=0),
            "progressDeadlineSeconds": _PROGRESS_S,
            "revisionHistoryLimit": 3,
            "template": pods.pod(maker, workers, Component.WORKER, "", spec),
        },
    )


def _container(maker: Maker) -> Body:
    workers, settings = maker.resource.spec.workers, maker.settings
    return {
        "name": "worker",
        "image": workers.image or settings.worker_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["worker", *_arguments(maker)],
        "env": [
            _field("POD_NAME", "metadata.name"),
            _field("POD_UID", "metadata.uid"),
            _field("NAMESPACE", _NAMESPACE),
        ],
        "ports": [{"name": "grpc", "containerPort": GRPC}, {"name": "metrics", "containerPort": METRICS}],
        "resources": pods.resources(workers, _requests(workers.processes)),
        "securityContext": pods.container_security(),
        "volumeMounts": _mounts(maker),
        # Ready is who serves a verified snapshot, whatever the API server does; alive is who answers at all.
        "startupProbe": pods.http_probe("/healthz", "metrics", periodSeconds=1, failureThreshold=120),
        "readinessProbe": pods.http_probe("/readyz", "metrics", periodSeconds=2, timeoutSeconds=2, failureThreshold=3),
        "livenessProbe": pods.http_probe("/healthz", "metrics", periodSeconds=10, timeoutSeconds=5, failureThreshold=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": settings.drain_s}}},
    }


def _arguments(maker: Maker) -> list[str]:
    workers, host = maker.resource.spec.workers, maker.settings.listen_host
    given = [
        f"--state={STATE}",
        f"--follow=$(NAMESPACE)/{maker.runtime}",
        "--pod=$(POD_NAME)",
        f"--listen={host}:{GRPC}",
        f"--metrics={host}:{METRICS}",
        f"--workers={workers.processes}",
        f"--grace={workers.grace_ms / 1000:g}",
        f"--public-key={KEYS}",
    ]
    return [*given, f"--tls-cert={TLS}/tls.crt", f"--tls-key={TLS}/tls.key"] if workers.tls.secret_name else given


def _requests(processes: int) -> dict[str, str]:
    """Return what pods ask for unless the user says otherwise: half a core for each process."""
    return {"cpu": f"{500 * processes}m", "memory": f"{128 + 192 * processes}Mi"}


def _volumes(maker: Maker) -> list[Body]:
    volumes = [
        {"name": "state", "emptyDir": {}},
        pods.TMP,
        {"name": "keys", "configMap": {"name": names.worker_keys(maker.runtime)}},
    ]
    if secret := maker.resource.spec.workers.tls.secret_name:
        volumes.append({"name": "tls", "secret": {"secretName": secret, "defaultMode": _GROUP_READS}})
    return volumes


def _mounts(maker: Maker) -> list[Body]:
    mounts = [
        {"name": "state", "mountPath": STATE},
        pods.TMP_MOUNT,
        {"name": "keys", "mountPath": KEYS, "readOnly": True},
    ]
    if maker.resource.spec.workers.tls.secret_name:
        mounts.append({"name": "tls", "mountPath": TLS, "readOnly": True})
    return mounts


def _field(name: str, path: str) -> Body:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


_NAMESPACE = "metadata.namespace"
