"""What the workers know of the pools of engines, and what the condition says of it."""

from collections.abc import Iterable

from fourplane_api import ConditionStatus
from fourplane_api.report import PoolReport, PoolState
from fourplane_compiler.conditions.reasons import ConditionReason

_FROM_THE_WORST = (PoolState.DOWN, PoolState.DEGRADED, PoolState.UP)
_REASONS = {PoolState.DOWN: ConditionReason.POOLS_DOWN, PoolState.DEGRADED: ConditionReason.POOLS_DEGRADED}


def worst(told: Iterable[PoolReport]) -> tuple[PoolReport, ...]:
    """Return each pool once, by name, as it is for the worker that fares worst: how many do can't be told from it."""
    found: dict[str, PoolReport] = {}
    for one in told:
        before = found.get(one.name)
        if before is None or _gravity(one) < _gravity(before):
            found[one.name] = one
    return tuple(found[name] for name in sorted(found))


def judge(pools: Iterable[PoolReport]) -> tuple[ConditionStatus, ConditionReason, tuple[str, ...]]:
    """Return what the condition says: status, reason, and its lines, the gravest first."""
    bad = sorted((one for one in pools if one.state is not PoolState.UP), key=lambda one: (_place(one), one.name))
    if not bad:
        return ConditionStatus.TRUE, ConditionReason.POOLS_READY, ()
    lines = tuple(
        f"pool {one.name} is {one.state.lower()}: {one.message or 'its workers do not say why'}" for one in bad
    )
    return ConditionStatus.FALSE, _REASONS[bad[0].state], lines


def _gravity(one: PoolReport) -> tuple[int, str]:
    return _place(one), one.message


def _place(one: PoolReport) -> int:
    return _FROM_THE_WORST.index(one.state)
