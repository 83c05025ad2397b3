"""What runs beside a supervisor: nothing on one node; in a cluster, what follows the API server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fourplane_core.control.snapshot import Snapshot
from fourplane_worker.process.fleet import Fleet
from fourplane_worker.process.intake import Intake, Problem
from fourplane_worker.store.layout import StateFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How it goes with the API server."""

    absent_s: float
    """Seconds for which it has not been heard; 0: it is."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """By reason: how often what it has was refused."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A supervisor as the one beside it sees it."""

    state: StateFolder
    intake: Intake
    fleet: Fleet
    look: Callable[[], None]
    """Makes it look at the state folder now."""


class Beside:
    """Nothing: a state folder that another program writes."""

    runtime = ""
    """The one runtime to serve, NAMESPACE/NAME; empty: whichever the state folder holds."""

    async def run(self, parts: Parts) -> None:
        """Work until cancelled, beside a supervisor that was started."""

    async def prepare(self, snapshot: Snapshot) -> None:
        """Learn what a snapshot needs that it does not hold, before any process is offered it."""

    def again(self) -> None:
        """Try again what was refused: other keys are trusted now."""

    def about(self) -> Mapping[str, Any]:
        """Return what the status says of it."""
        return {}

    def problems(self) -> tuple[Problem, ...]:
        """Return what is refused before it comes into the state folder."""
        return ()

    def following(self) -> Following | None:
        """Return how it goes with the API server; None where there is none to follow."""
        return None

    def waits_for(self) -> str:
        """Say why there is no snapshot."""
        return ""
