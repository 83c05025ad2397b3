"""What the compiler has to say about a source, field by field: one closed list of reasons."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import NamedTuple


class SourceRef(NamedTuple):
    """One resource."""

    kind: str
    name: str
    """`NAMESPACE/NAME`."""

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.kind} {self.name}"


@unique
class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """What was asked for is not served, or not in full."""
    WARNING = "warning"
    """Served as asked, and something that was written has no effect."""


@unique
class Reason(StrEnum):
    """Why; CamelCase as the reasons of Kubernetes conditions."""

    INVALID = "Invalid"
    """The resource does not match its schema."""
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    """The route names a runtime that is not there."""
    REF_NOT_PERMITTED = "RefNotPermitted"
    """The route names a runtime that takes no routes of its namespace."""
    POOL_NOT_FOUND = "PoolNotFound"
    """A backend names a pool that the runtime does not have."""
    MODEL_NOT_FOUND = "ModelNotFound"
    """A backend names a model that its pool does not declare."""
    CONTRACT_MISMATCH = "ContractMismatch"
    """Two backends of one route declare different inputs, outputs or streaming."""
    CONFLICT = "Conflict"
    """An older route serves the same public model and version."""
    TOO_LARGE = "TooLarge"
    """The compiled form is larger than a shard may be."""
    AFFINITY_UNUSED = "AffinityUnused"
    """An affinity has no effect, since there is nothing to choose from."""
    DEADLINE_CAPPED = "DeadlineCapped"
    """A deadline has no effect, since the runtime's bound is lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing to say about one field."""

    source: SourceRef
    severity: Severity
    reason: Reason
    field: str
    """Path as in YAML: `spec.backends[1].pool`; empty for the resource itself."""
    message: str
    """What is wrong, in one sentence without a full stop."""
    remedy: str
    """What to do."""
    last_good: bool = False
    """Whether the source is served in its last good form because of this."""
