"""What a worker in a cluster is told at its start."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from fourplane_worker.process.errors import SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """Whom to follow, and who reports."""

    namespace: str
    """Namespace of the RuntimeDeployment; everything that is read and written is in it."""
    name: str
    """Name of the RuntimeDeployment."""
    pod: str
    """Name of the pod; the report has it, too."""
    pod_uid: str = ""
    """What the pod's owner reference needs; empty: it is asked for, where that is permitted."""
    kubeconfig: Path | None = None
    """Without one: as the pod's service account, or as kubectl would."""
    version: str = metadata.version("fourplane")

    @property
    def runtime(self) -> str:
        """NAMESPACE/NAME."""
        return f"{self.namespace}/{self.name}"


def followed(runtime: str, pod: str, pod_uid: str, kubeconfig: Path | None) -> ClusterSettings:
    """Return the settings; raise SetupError where they can't work."""
    namespace, slash, name = runtime.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise SetupError(f"--follow {runtime!r} is no runtime: write NAMESPACE/NAME of a RuntimeDeployment")
    if not pod:
        raise SetupError("--pod is missing: a worker that follows reports under its pod's name; set it or POD_NAME")
    return ClusterSettings(namespace=namespace, name=name, pod=pod, pod_uid=pod_uid, kubeconfig=kubeconfig)
