"""What the operator knows of its installation, for all that it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSettings:
    """Images, keys and the like: the same for every runtime."""

    worker_image: str
    """Image of workers whose runtime names none; its entry point is `fourplane`."""
    triton_image: str = ""
    """Image of Triton servers whose pool names none, with `tritonserver` on its path; empty: each has to name one."""
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the runtime's namespace."""
    own_secrets: frozenset[tuple[str, str]] = frozenset()
    """Namespaces and names of Secrets with keys that sign: no pod that a runtime asks for gets one."""
    public_keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """PEM texts by file name, such as signing.key.pub: the keys that workers trust."""
    worker_role: str = "fourplane-worker"
    """ClusterRole with the workers' rights, which each runtime's binding grants in its namespace alone."""
    listen_host: str = "0.0.0.0"  # noqa: S104 - a pod's interfaces are its own
    """What workers listen on; [::] in a cluster of IPv6 alone."""
    worker_user: int = 65532
    triton_user: int = 1000
    """`triton-server` in NVIDIA's image."""
    drain_s: int = 10
    """Seconds between a pod's leaving the endpoints and its SIGTERM: time for everybody to hear of it."""
    shared_memory: str = "1Gi"
    """Size of an engine's /dev/shm, through which Triton talks with its Python models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What is so in the cluster, and changes what is made."""

    custom_metrics: bool = False
    """Whether an API serves custom metrics of pods, for autoscalers."""
    autoscalers: frozenset[str] = frozenset()
    """Names of this runtime's autoscalers that stand: they stay when the metrics API goes, since an autoscaler
    without metrics holds the scale, and without an autoscaler a busy fleet would shrink to its minimum."""
