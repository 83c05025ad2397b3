"""What lets requests in, and keeps enough pods: Services, NetworkPolicies and PodDisruptionBudgets."""

from fourplane_api.workers import Workers
from fourplane_compiler.workloads import names
from fourplane_compiler.workloads.manifest import Body, Component, Maker, Manifest

GRPC, METRICS = 8011, 8012
"""Ports of a worker."""
ENGINE_HTTP, ENGINE_GRPC, ENGINE_METRICS = 8000, 8001, 8002
"""Ports of an engine."""
_H2C, _TLS = "kubernetes.io/h2c", "https"
_EVERYWHERE: list[Body] = [{"namespaceSelector": {}}]
"""Every pod of the cluster, and nobody else."""


def client_service(maker: Maker) -> Manifest:
    """Return the Service that clients call."""
    workers = maker.resource.spec.workers
    service = workers.service
    return maker.manifest(
        "Service",
        names.workers(maker.runtime),
        Component.WORKER,
        metadata={"annotations": dict(service.annotations)} if service.annotations else {},
        spec={
            "type": service.type.value,
            "selector": maker.selector(Component.WORKER),
            "ports": [_port("grpc", GRPC, _TLS if _has_tls(workers) else _H2C)],
        },
    )


def metrics_service(maker: Maker) -> Manifest:
    """Return the Service for what scrapes: one of its own, so that no load balancer publishes it."""
    return maker.manifest(
        "Service",
        names.worker_metrics(maker.runtime),
        Component.WORKER,
        spec={
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": maker.selector(Component.WORKER),
            "ports": [_port("metrics", METRICS, "http")],
        },
    )


def pool_service(maker: Maker, pool: str) -> Manifest:
    """Return the Service by whose endpoints workers find a pool's engines; they balance over them themselves."""
    return maker.manifest(
        "Service",
        names.pool_service(maker.runtime, pool),
        Component.ENGINE,
        pool=pool,
        spec={
            "clusterIP": "None",
            "selector": maker.selector(Component.ENGINE, pool),
            "ports": [_port("grpc", ENGINE_GRPC, _H2C), _port("metrics", ENGINE_METRICS, "http")],
        },
    )


def worker_policy(maker: Maker) -> Manifest:
    """Let everybody call, and the cluster's pods scrape."""
    rules = [_rule(GRPC), _rule(METRICS, _EVERYWHERE)]
    return _policy(maker, names.workers(maker.runtime), Component.WORKER, "", rules)


def pool_policy(maker: Maker, pool: str) -> Manifest:
    """Let this runtime's workers alone call the engines, which know no callers and no limits."""
    workers: list[Body] = [{"podSelector": {"matchLabels": maker.selector(Component.WORKER)}}]
    rules = [_rule(ENGINE_GRPC, workers), _rule(ENGINE_METRICS, _EVERYWHERE)]
    return _policy(maker, names.pool_service(maker.runtime, pool), Component.ENGINE, pool, rules)


def budget(maker: Maker, name: str, component: Component, pool: str = "") -> Manifest:
    """Let evictions take one pod at a time, and any that is not ready anyway."""
    return maker.manifest(
        "PodDisruptionBudget",
        name,
        component,
        pool=pool,
        spec={
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": maker.selector(component, pool)},
        },
    )


def _has_tls(workers: Workers) -> bool:
    return bool(workers.tls.secret_name)


def _port(name: str, number: int, protocol: str) -> Body:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP", "appProtocol": protocol}


def _rule(port: int, sources: list[Body] | None = None) -> Body:
    return {"ports": [{"protocol": "TCP", "port": port}], **({"from": sources} if sources else {})}


def _policy(maker: Maker, name: str, component: Component, pool: str, rules: list[Body]) -> Manifest:
    spec = {
        "podSelector": {"matchLabels": maker.selector(component, pool)},
        "policyTypes": ["Ingress"],
        "ingress": rules,
    }
    return maker.manifest("NetworkPolicy", name, component, pool=pool, spec=spec)
