"""Triton servers for the pools of a runtime that have a model repository."""

from math import ceil

from fourplane_api.pools import Pool
from fourplane_api.servers import Server
from fourplane_compiler.workloads import names, pods, repositories, scaling
from fourplane_compiler.workloads.manifest import Body, Component, Maker, Manifest
from fourplane_compiler.workloads.repositories import Claim, Store
from fourplane_compiler.workloads.scaling import Scale
from fourplane_compiler.workloads.traffic import ENGINE_GRPC, ENGINE_HTTP, ENGINE_METRICS

CREDENTIALS = "/etc/fourplane/credentials"
"""The keys of the credentials' Secret as files, for stores whose credentials are one."""
GPU = "nvidia.com/gpu"
_REQUESTS = {"cpu": "1", "memory": "2Gi"}
_LOADING_S = 1800
"""Seconds that models may take to load."""
_MARGIN_S = 5


def account(maker: Maker) -> Manifest:
    """Return an identity without a token: engines have nothing to ask of the API server."""
    name = names.engines(maker.runtime)
    return maker.manifest("ServiceAccount", name, Component.ENGINE, automountServiceAccountToken=False)


def deployment(maker: Maker, pool: Pool, repository: Claim | Store, scale: Scale) -> Manifest:
    """Return the engines of a pool."""
    server, name = pool.triton.server, names.pool_service(maker.runtime, pool.name)
    spec: Body = {
        "serviceAccountName": names.engines(maker.runtime),
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": maker.settings.drain_s + _grace_s(maker) + _MARGIN_S,
        "securityContext": pods.pod_security(maker.settings.triton_user),
        "containers": [_container(maker, server, repository)],
        "volumes": [
            pods.TMP,
            {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": maker.settings.shared_memory}},
            *_sources(server, repository),
        ],
    }
    # A GPU to spare is rare: where others of the pool go on, one server may end before its successor starts.
    may_lack = server.gpus > 0 and scaling.at_least(scale) > 1
    return maker.manifest(
        "Deployment",
        name,
        Component.ENGINE,
        pool=pool.name,
        spec=scaling.replicas(scale)
        | {
            "selector": {"matchLabels": maker.selector(Component.ENGINE, pool.name)},
            "strategy": pods.rolling(surge=1, unavailable=1 if may_lack else 0),
            "progressDeadlineSeconds": _LOADING_S + 600,
            "revisionHistoryLimit": 3,
            "template": pods.pod(maker, server, Component.ENGINE, pool.name, spec),
        },
    )


def image(maker: Maker, server: Server) -> str:
    """Return the image of a pool's servers; empty: nobody named one."""
    return server.image or maker.settings.triton_image


def _container(maker: Maker, server: Server, repository: Claim | Store) -> Body:
    gpus = {GPU: str(server.gpus)} if server.gpus else {}
    return {
        "name": "triton",
        "image": image(maker, server),
        "imagePullPolicy": maker.settings.image_pull_policy,
        "command": ["tritonserver"],
        "args": _arguments(maker, repository),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - caches of libraries go there
        **_credentials(server),
        "ports": [
            {"name": "http", "containerPort": ENGINE_HTTP},
            {"name": "grpc", "containerPort": ENGINE_GRPC},
            {"name": "metrics", "containerPort": ENGINE_METRICS},
        ],
        "resources": pods.resources(server, _REQUESTS, gpus),
        "securityContext": pods.container_security(),
        "volumeMounts": [pods.TMP_MOUNT, {"name": "memory", "mountPath": "/dev/shm"}, *_mounts(server, repository)],  # noqa: S108
        "startupProbe": _probe("ready", periodSeconds=5, failureThreshold=_LOADING_S // 5),
        "readinessProbe": _probe("ready", periodSeconds=5, failureThreshold=3),
        "livenessProbe": _probe("live", periodSeconds=10, failureThreshold=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": maker.settings.drain_s}}},
    }


def _arguments(maker: Maker, repository: Claim | Store) -> list[str]:
    """Return Triton's options.

    A model that does not load keeps neither the server from starting nor the pod from being ready: Triton opens its
    ports when it has loaded what it can, and workers look at each model themselves before they send to it.
    """
    place = repository.path if isinstance(repository, Claim) else repository.uri
    return [
        f"--model-repository={place}",
        f"--http-port={ENGINE_HTTP}",
        f"--grpc-port={ENGINE_GRPC}",
        f"--metrics-port={ENGINE_METRICS}",
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--exit-timeout-secs={_grace_s(maker)}",
        "--log-format=ISO8601",
    ]


def _grace_s(maker: Maker) -> int:
    return ceil(maker.resource.spec.workers.grace_ms / 1000)


def _probe(page: str, **numbers: int) -> Body:
    return pods.http_probe(f"/v2/health/{page}", "http", timeoutSeconds=5, **numbers)


def _credentials(server: Server) -> Body:
    secret = server.credentials_secret_name
    return {"envFrom": [{"secretRef": {"name": secret}}]} if secret else {}


def _sources(server: Server, repository: Claim | Store) -> list[Body]:
    volumes: list[Body] = []
    if isinstance(repository, Claim):
        claim = {"claimName": repository.name, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
    if server.credentials_secret_name:
        volumes.append({"name": "credentials", "secret": {"secretName": server.credentials_secret_name}})
    return volumes


def _mounts(server: Server, repository: Claim | Store) -> list[Body]:
    mounts: list[Body] = []
    if isinstance(repository, Claim):
        mounts.append({"name": "models", "mountPath": repositories.MODELS, "readOnly": True})
    if server.credentials_secret_name:
        mounts.append({"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True})
    return mounts
