"""What every runtime's unit works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fourplane_operator.gathering import Gathered
from fourplane_operator.metrics import Metrics
from fourplane_operator.propagation import Revision
from fourplane_operator.provisioning import Provisioner
from fourplane_operator.publishing import Access
from fourplane_operator.statuses import Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The same for all units of one term."""

    access: Access
    gathered: Gathered
    statuses: Statuses
    newest: Mapping[str, Revision]
    """The newest decision of each runtime that this process ever heard of, also one that is in no etcd any more."""
    metrics: Metrics
    steady: Callable[[], float]
    wall: Callable[[], float]
    settle_s: float
    """Seconds after an event to wait for others that belong to it."""
    provisioner: Provisioner | None
    """None: nothing is made of a RuntimeDeployment but snapshots."""
