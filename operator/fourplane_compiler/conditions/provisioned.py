"""What became of the objects that a RuntimeDeployment makes in a cluster, and what the condition says of it."""

from dataclasses import dataclass

from fourplane_api import ConditionStatus
from fourplane_compiler.conditions.reasons import ConditionReason

TERMINAL = (
    ConditionReason.NAME_TAKEN,
    ConditionReason.APPLY_FAILED,
    ConditionReason.SECRET_REFUSED,
    ConditionReason.REPOSITORY_NOT_SERVED,
    ConditionReason.IMAGE_MISSING,
    ConditionReason.PODS_FAILING,
)
"""What stays until someone acts, the gravest first."""
_HARMLESS = (ConditionReason.NOT_AUTOSCALED,)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One thing that is not as it was asked for."""

    reason: ConditionReason
    message: str
    """What is wrong and what to do, without a full stop."""


@dataclass(frozen=True, slots=True)
class Provisioning:
    """How far the objects of one RuntimeDeployment are."""

    generation: int
    """The `metadata.generation` that they were made of."""
    shortfalls: tuple[Shortfall, ...] = ()


NOT_YET = Provisioning(-1)
"""Nothing was made of any generation yet."""


def judge(made: Provisioning, generation: int) -> tuple[ConditionStatus, ConditionReason, tuple[str, ...]]:
    """Return what the condition says of the latest generation: status, reason, and its lines."""
    if made.generation != generation:
        return ConditionStatus.UNKNOWN, ConditionReason.PENDING, ("nothing was made of this generation yet; wait",)
    ordered = sorted(made.shortfalls, key=lambda one: _place(one.reason))
    bad = [one for one in ordered if one.reason not in _HARMLESS]
    told = bad or ordered
    status = ConditionStatus.FALSE if bad else ConditionStatus.TRUE
    reason = told[0].reason if told else ConditionReason.PROVISIONED
    return status, reason, tuple(one.message for one in told)


def _place(reason: ConditionReason) -> int:
    return TERMINAL.index(reason) if reason in TERMINAL else len(TERMINAL)
