"""When to bring a runtime's objects nearer to what it asks for, and how far they are."""

from dataclasses import dataclass
from typing import TypeAlias

from fourplane_api import RuntimeDeployment
from fourplane_compiler.conditions import NOT_YET, Provisioning
from fourplane_kube import KubeError
from fourplane_operator.leadership import Clock
from fourplane_operator.provisioning import Provisioner

Seconds: TypeAlias = float


@dataclass(slots=True, eq=False)
class Making:
    """What one RuntimeDeployment makes."""

    provisioner: Provisioner | None
    """None: nothing is made."""
    steady: Clock
    resource: RuntimeDeployment | None = None
    """The RuntimeDeployment in its newest valid form."""
    provisioning: Provisioning | None = None
    """How far its objects are; None: nothing is made."""
    _at: float | None = None
    """Steady time at which to look; None: when something is heard."""

    def __post_init__(self) -> None:
        """Begin with nothing made."""
        self.provisioning = NOT_YET if self.provisioner else None

    def ask(self, resource: RuntimeDeployment | None) -> None:
        """Take what is asked for from now on; None: nothing, what was made is collected with its owner."""
        self.resource, self._at = resource, None if resource is None else 0.0

    def soon(self) -> None:
        """Look at the next step."""
        self._at = 0.0

    async def step(self) -> KubeError | None:
        """Do what is due; return what is in the way for now."""
        if self.provisioner is None or self.resource is None or self._at is None or self.steady() < self._at:
            return None
        self._at = None
        try:
            made = await self.provisioner.provision(self.resource)
        except KubeError as error:
            self._at = 0.0
            return error
        self.provisioning = made.provisioning
        if made.again_s is not None:
            self._at = self.steady() + made.again_s
        return None

    @property
    def has_workers(self) -> bool:
        """Tell whether a worker can take requests: what others report is of pods that are not ready, or gone."""
        return self.provisioner is None or self.resource is None or self.provisioner.has_workers(self.resource)

    @property
    def due_in(self) -> Seconds | None:
        """Return how long until the next step is due; None: when something is heard."""
        if self._at is None or self.resource is None or self.provisioner is None:
            return None
        return max(0.0, self._at - self.steady())
