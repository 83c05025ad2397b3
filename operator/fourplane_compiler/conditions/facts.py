"""What conditions are made of: a resource as compiled, and what the workers answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from fourplane_api.report import PoolReport
from fourplane_compiler.conditions.pools import worst
from fourplane_compiler.conditions.provisioned import Provisioning
from fourplane_compiler.diagnostics import Diagnostic, SourceRef
from fourplane_core.control.snapshot import Digest


@unique
class Form(StrEnum):
    """Which form of a resource the newest snapshot holds."""

    PENDING = "pending"
    """Not compiled yet in this generation."""
    NONE = "none"
    LAST_GOOD = "last good"
    LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The resource that the conditions are of; with defaults, one that was seen and not compiled yet."""

    ref: SourceRef
    generation: int
    diagnostics: tuple[Diagnostic, ...] = ()
    form: Form = Form.PENDING
    latest: frozenset[Digest] = frozenset()
    """Snapshots that hold the form of its latest generation; empty unless `form` is the latest."""
    good: frozenset[Digest] = frozenset()
    """Snapshots that hold a form of it, of whatever generation, without a missing backend."""
    partial: frozenset[Digest] = frozenset()
    """Snapshots that hold a form of it with a missing backend."""
    provisioning: Provisioning | None = None
    """What became of what it makes in a cluster; None: it makes nothing, and has no such condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The decision on what to serve."""

    digest: Digest
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A worker does not take a snapshot, and serves what it served before."""

    digest: Digest
    """What it refused: it counts while that is active, and the worker has not taken it after all."""
    message: str
    """What is wrong, in one sentence without a full stop."""
    source: SourceRef | None = None
    """The resource that it is about, where the worker can tell."""
    field: str = ""
    """Path as in YAML; empty for the resource itself."""

    def __str__(self) -> str:
        """Return one line for people."""
        said = self.message or "it does not say why"
        return f"{self.field}: {said}" if self.field else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one worker says."""

    acknowledged: Digest | None = None
    """The snapshot that all its processes serve; None: it has served nothing yet, and takes no traffic."""
    rejections: tuple[Rejection, ...] = ()
    revision: tuple[int, int] | None = None
    """Epoch and sequence of the activation that asked for it; None: not known."""
    pools: tuple[PoolReport, ...] = ()
    """What it knows of its pools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All reports, as sets: how many workers there are can't be told from it, so no condition can depend on it."""

    activated: Activated | None = None
    acknowledged: frozenset[Digest] = frozenset()
    """What is served anywhere; a worker that has served nothing yet is not among those that are waited for."""
    rejections: frozenset[tuple[Digest | None, Rejection]] = frozenset()
    """Refusals of what is active, and what their worker serves instead: the same snapshot, where it is the decision
    that is refused."""
    refusal: str = ""
    """Why the newest snapshot can't be published, in the API server's words; empty: nothing is in the way."""
    pools: tuple[PoolReport, ...] = ()
    """Each pool at its worst, by name; empty: nobody tells."""


def answers_of(activated: Activated | None, reports: Iterable[Report]) -> Answers:
    """Put the workers' reports together: once for a runtime, for all of its resources."""
    given = tuple(reports)
    return Answers(
        activated=activated,
        acknowledged=frozenset(one.acknowledged for one in given if one.acknowledged is not None),
        rejections=frozenset(
            (one.acknowledged, rejection)
            for one in given
            for rejection in one.rejections
            if activated is not None and rejection.digest == activated.digest and not _is_taken(activated, one)
        ),
        pools=worst(pool for one in given for pool in one.pools),
    )


def _is_taken(activated: Activated, report: Report) -> bool:
    """Tell whether a worker serves what is active, and took this decision on it."""
    newest = activated.epoch, activated.sequence
    return report.acknowledged == activated.digest and (report.revision is None or report.revision >= newest)


def applied(activated: Activated | None, reports: Iterable[Report]) -> str:
    """Return how many workers run the active snapshot, of how many; for a RuntimeDeployment's status alone."""
    given = tuple(reports)
    done = sum(activated is not None and one.acknowledged == activated.digest for one in given)
    return f"{done}/{len(given)}"
