"""What an operator is told at its start."""

import os
from dataclasses import dataclass
from pathlib import Path

from fourplane_compiler.workloads.settings import WorkloadSettings

METRICS = "127.0.0.1:8013"
LEASE_NAME = "fourplane-operator"
LEASE_S = 15
SIGNING_KEY_FIELD = "signing.key"
"""Key of the Secret that holds the private key in PEM form."""
MANAGER = "fourplane-operator"
"""Field manager of everything that the operator writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """How one of several operators is chosen to write."""

    namespace: str
    name: str = LEASE_NAME
    duration_s: float = LEASE_S
    """How long others wait after the last renewal that they saw."""

    @property
    def margin_s(self) -> float:
        """How much earlier the leader stops writing: more than the longest wait for an answer that was under way."""
        return self.duration_s / 3

    @property
    def retry_s(self) -> float:
        """Pause between renewals, and between looks of the others."""
        return self.duration_s / 7.5


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """One operator: what it watches, what it signs with, what it makes."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty: all."""
    identity: str
    """Name of this operator among those that stand for the Lease, unique to this process."""
    lease: LeaseSettings
    signing_keys: tuple[Path, ...] = ()
    """Private keys to sign with, all of them; empty: the one in the Secret."""
    signing_key_secret: str = ""
    """Secret in the Lease's namespace; it is made where it is missing."""
    workloads: WorkloadSettings | None = None
    """How to make what RuntimeDeployments ask for, without the public keys; None: nothing is made."""
    kubeconfig: Path | None = None
    metrics: str = METRICS
    """HOST:PORT of /metrics, /healthz and /readyz; empty: none."""
    settle_s: float = 0.02
    """How long after an event to wait for others that belong to it."""
    status_after_s: float = 0.25
    """How long a status waits for what may change it again; fast transitions are written once."""
    status_writes_per_s: float = 50.0
    status_burst: int = 100
    events_per_s: float = 5.0
    events_burst: int = 50
    resync_s: float = 300.0
    """Pause between two listings of everything, which find what no event told."""
    collect_s: float = 120.0
    """Pause between two looks for garbage; it is deleted at the second look that finds it unchanged."""
    keep_snapshots: int = 10
    """How many snapshots of a runtime stay beside those that are in use."""


def pods_namespace() -> str:
    """Return the namespace of this pod; empty outside of pods."""
    return os.environ.get("POD_NAMESPACE", "")
