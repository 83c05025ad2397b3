"""From findings to the conditions to write: Ready, the two that are abnormal, and the times."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from fourplane_api import Condition, ConditionStatus
from fourplane_compiler.conditions.facts import Answers, Form, Subject
from fourplane_compiler.conditions.findings import Finding, find, find_pools
from fourplane_compiler.conditions.provisioned import NOT_YET
from fourplane_compiler.conditions.provisioned import TERMINAL as UNPROVISIONED
from fourplane_compiler.conditions.reasons import ConditionReason, ConditionType

PATIENCE = timedelta(minutes=1)
"""How long a name may lead nowhere before that is Stalled: what is applied together arrives in any order, and Flux
gives up on the first Stalled=True."""

_WAITED_FOR = {
    ConditionReason.RUNTIME_NOT_FOUND,
    ConditionReason.REF_NOT_PERMITTED,
    ConditionReason.POOL_NOT_FOUND,
    ConditionReason.MODEL_NOT_FOUND,
}
"""Errors that another resource's arrival or edit ends."""
_TERMINAL = {
    ConditionReason.INVALID,
    ConditionReason.CONFLICT,
    ConditionReason.TOO_LARGE,
    ConditionReason.CONTRACT_MISMATCH,
    ConditionReason.PUBLISH_FAILED,
    ConditionReason.REJECTED,
    ConditionReason.HELD_BACK,
    *UNPROVISIONED,
}
"""What stays until someone acts; the rest follows from one of these, or ends by itself."""


def conditions(
    subject: Subject, answers: Answers, standing: Iterable[Condition], now: datetime
) -> tuple[Condition, ...]:
    """Return all conditions of a resource; what already stands comes back as it is.

    What was not compiled yet in this generation keeps all that stands, generation and all: it is served on meanwhile.
    """
    before = {one.type: one for one in standing}
    if subject.form is Form.PENDING and before.keys() & set(ConditionType):
        return tuple(before.values())
    served = before.get(ConditionType.SERVING)
    found = find(subject, answers, served_before=served is not None and served.status is ConditionStatus.TRUE)
    found = tuple(_kept(one, subject, before.get(one.type)) for one in found)
    written = {one.type: _written(one, before.get(one.type), subject.generation, now) for one in found}
    refs = written[ConditionType.RESOLVED_REFS]
    late = (again := _patience_ends(refs)) is not None and again <= now
    rest = (*_summary(found, late=late), *find_pools(subject, answers))
    return (*written.values(), *(_written(one, before.get(one.type), subject.generation, now) for one in rest))


def look_again(written: Iterable[Condition]) -> datetime | None:
    """Return when time alone makes a difference to conditions; None: never."""
    by_type = {one.type: one for one in written}
    stalled = by_type.get(ConditionType.STALLED)
    refs = by_type.get(ConditionType.RESOLVED_REFS)
    if stalled is None or stalled.status is ConditionStatus.TRUE or stalled.reason != ConditionReason.PROGRESSING:
        return None
    return _patience_ends(refs) if refs is not None else None


def standing(status: Any) -> tuple[Condition, ...]:
    """Read what stands in a document's `status`, also of a resource that does not parse; the unreadable is dropped."""
    listed = status.get("conditions") if isinstance(status, Mapping) else None
    return tuple(found for one in listed if (found := _read(one))) if isinstance(listed, list | tuple) else ()


def _read(document: Any) -> Condition | None:
    try:
        return Condition.model_validate(document)
    except ValidationError:
        return None


def _kept(one: Finding, subject: Subject, stands: Condition | None) -> Finding:
    """Keep what stands of Provisioned for this generation while an operator that just took over has not looked yet."""
    if one.reason is not ConditionReason.PENDING or subject.provisioning != NOT_YET or stands is None:
        return one
    if one.type is not ConditionType.PROVISIONED or stands.observed_generation != subject.generation:
        return one
    known = stands.reason in set(ConditionReason)
    return Finding(one.type, stands.status, ConditionReason(stands.reason), stands.message) if known else one


def _summary(found: tuple[Finding, ...], *, late: bool) -> tuple[Finding, ...]:
    """Return Ready, Reconciling and Stalled: exactly one of the three is True."""
    missing = [one for one in found if one.status is not ConditionStatus.TRUE]
    if not missing:
        return (
            Finding(ConditionType.READY, ConditionStatus.TRUE, ConditionReason.READY, ""),
            Finding(ConditionType.RECONCILING, ConditionStatus.FALSE, ConditionReason.DONE, ""),
            Finding(ConditionType.STALLED, ConditionStatus.FALSE, ConditionReason.DONE, ""),
        )
    first = next((one for one in missing if one.status is ConditionStatus.FALSE and _is_terminal(one, late)), None)
    told = first or missing[0]
    pending = told.reason is ConditionReason.PENDING
    ready = ConditionStatus.UNKNOWN if pending else ConditionStatus.FALSE
    return (
        Finding(ConditionType.READY, ready, told.reason, told.message),
        _abnormal(ConditionType.RECONCILING, told, holds=first is None),
        _abnormal(ConditionType.STALLED, told, holds=first is not None),
    )


def _abnormal(kind: ConditionType, told: Finding, *, holds: bool) -> Finding:
    if holds:
        return Finding(kind, ConditionStatus.TRUE, told.reason, told.message)
    other = ConditionReason.PROGRESSING if kind is ConditionType.STALLED else told.reason
    return Finding(kind, ConditionStatus.FALSE, other, "")


def _is_terminal(one: Finding, late: bool) -> bool:
    return one.reason in _TERMINAL or (late and one.reason in _WAITED_FOR)


def _patience_ends(refs: Condition) -> datetime | None:
    since = _moment(refs.last_transition_time)
    if since is None or refs.status is not ConditionStatus.FALSE or refs.reason not in _WAITED_FOR:
        return None
    return since + PATIENCE


def _written(one: Finding, before: Condition | None, generation: int, now: datetime) -> Condition:
    """Give a finding its times; the transition's stays while the status does, unless it is no time."""
    since = _rfc3339(now)
    if before is not None and before.status is one.status and _moment(before.last_transition_time):
        since = before.last_transition_time
    return Condition(
        type=one.type.value,
        status=one.status,
        reason=one.reason.value,
        message=one.message,
        last_transition_time=since,
        observed_generation=generation,
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def _rfc3339(moment: datetime) -> str:
    if moment.utcoffset() is None:
        raise ValueError("the time needs a zone")
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
