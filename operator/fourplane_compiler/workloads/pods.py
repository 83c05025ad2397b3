"""What the pods of workers and of engines have in common."""

from collections.abc import Mapping

from fourplane_api.placement import NO_TIME, Placement, Toleration
from fourplane_compiler.workloads.manifest import Body, Component, Maker

TMP: Body = {"name": "tmp", "emptyDir": {}}
TMP_MOUNT: Body = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - the pod's own
_SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def pod(maker: Maker, placement: Placement, component: Component, pool: str, spec: Body) -> Body:
    """Return a pod template: `spec`, in the frame of all our pods."""
    settings = maker.settings
    frame: Body = {
        "enableServiceLinks": False,
        "topologySpreadConstraints": [_spread(key, maker.selector(component, pool)) for key in _SPREAD_OVER],
    }
    if settings.image_pull_secrets:
        frame["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    if placement.node_selector:
        frame["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        frame["tolerations"] = [_toleration(one) for one in placement.tolerations]
    if placement.priority_class_name:
        frame["priorityClassName"] = placement.priority_class_name
    return {"metadata": {"labels": maker.labels(component, pool)}, "spec": frame | spec}


def container_security() -> Body:
    """Return what the restricted Pod Security Standard asks of a container, and a root filesystem that stays."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def pod_security(user: int) -> Body:
    """Return what it asks of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def resources(placement: Placement, defaults: Mapping[str, str], limits: Mapping[str, str] | None = None) -> Body:
    """Return requests and limits; a default stands in only for a resource that the user says nothing of.

    A default request beside a lower limit of the user's would be refused.
    """
    given = placement.resources
    said = {*given.requests, *given.limits}
    requests = {name: value for name, value in defaults.items() if name not in said} | dict(given.requests)
    wanted = dict(given.limits) | dict(limits or {})
    return {"requests": requests, **({"limits": wanted} if wanted else {})}


def http_probe(path: str, port: str, **numbers: int) -> Body:
    """Return a probe that asks a health page."""
    return {"httpGet": {"path": path, "port": port}, **numbers}


def rolling(*, surge: int | str, unavailable: int) -> Body:
    """Return the way from old pods to new ones."""
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def _spread(topology: str, selector: Body) -> Body:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _toleration(one: Toleration) -> Body:
    found = {"key": one.key, "operator": one.operator.value, "value": one.value, "effect": one.effect.value}
    seconds = {} if one.toleration_seconds == NO_TIME else {"tolerationSeconds": one.toleration_seconds}
    return {key: value for key, value in found.items() if value} | seconds
