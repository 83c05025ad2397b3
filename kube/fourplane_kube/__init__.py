"""The thin edge to a Kubernetes API server that the operator and the worker share: requests, and following a kind."""

from fourplane_kube.access import connect
from fourplane_kube.cluster import Cluster, Object
from fourplane_kube.errors import (
    BrokenOffError,
    ConflictError,
    ExistsError,
    ExpiredError,
    KubeError,
    NoAccessError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from fourplane_kube.following import Changed, Deleted, Listed, Troubled, follow
from fourplane_kube.kinds import Kind

__all__ = [
    "BrokenOffError",
    "Changed",
    "Cluster",
    "ConflictError",
    "Deleted",
    "ExistsError",
    "ExpiredError",
    "Kind",
    "KubeError",
    "Listed",
    "NoAccessError",
    "NotFoundError",
    "Object",
    "RefusedError",
    "Troubled",
    "UnreachableError",
    "connect",
    "follow",
]
