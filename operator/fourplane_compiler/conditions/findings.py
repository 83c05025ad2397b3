"""What is found of a resource, condition by condition, before it is known what stood there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from fourplane_api import ConditionStatus
from fourplane_compiler.conditions import pools, provisioned
from fourplane_compiler.conditions.facts import Answers, Form, Rejection, Subject
from fourplane_compiler.conditions.provisioned import Provisioning
from fourplane_compiler.conditions.reasons import ConditionReason, ConditionType
from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity
from fourplane_compiler.sources import RUNTIME

_TRUE, _FALSE, _UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
_SHOWN = 4
_LONGEST = 2048
"""Characters of a message; a status must stay small with 100,000 of them in one cluster."""

Answer: TypeAlias = tuple[ConditionStatus, ConditionReason, str]

CONDITION_OF: dict[Reason, ConditionType] = {
    Reason.INVALID: ConditionType.ACCEPTED,
    Reason.CONFLICT: ConditionType.ACCEPTED,
    Reason.TOO_LARGE: ConditionType.ACCEPTED,
    Reason.AFFINITY_UNUSED: ConditionType.ACCEPTED,
    Reason.DEADLINE_CAPPED: ConditionType.ACCEPTED,
    Reason.RUNTIME_NOT_FOUND: ConditionType.RESOLVED_REFS,
    Reason.REF_NOT_PERMITTED: ConditionType.RESOLVED_REFS,
    Reason.POOL_NOT_FOUND: ConditionType.RESOLVED_REFS,
    Reason.MODEL_NOT_FOUND: ConditionType.RESOLVED_REFS,
    Reason.CONTRACT_MISMATCH: ConditionType.RESOLVED_REFS,
}
"""Which condition speaks of a diagnostic."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition without its times."""

    type: ConditionType
    status: ConditionStatus
    reason: ConditionReason
    message: str


def find(subject: Subject, answers: Answers, *, served_before: bool) -> tuple[Finding, ...]:
    """Return the conditions that lead to Ready, in their order: five, and Provisioned where something is made."""
    made = subject.provisioning
    return tuple(
        Finding(kind, status, reason, _cut(message))
        for kind, (status, reason, message) in (
            (ConditionType.ACCEPTED, _accepted(subject)),
            (ConditionType.RESOLVED_REFS, _resolved(subject)),
            (ConditionType.COMPILED, _compiled(subject)),
            *([(ConditionType.PROVISIONED, _provisioned(subject, made))] if made is not None else []),
            (
                ConditionType.PROGRAMMED,
                _programmed(subject, answers) if subject.form is Form.LATEST else _compiled(subject),
            ),
            (ConditionType.SERVING, _serving(subject, answers, served_before=served_before)),
        )
    )


def find_pools(subject: Subject, answers: Answers) -> tuple[Finding, ...]:
    """Return what the workers say of a runtime's engines, which leads to nothing else: one condition, or none."""
    if subject.ref.kind != RUNTIME or not answers.pools:
        return ()
    status, reason, lines = pools.judge(answers.pools)
    return (Finding(ConditionType.POOLS_READY, status, reason, _cut(_lines(lines))),)


def _accepted(subject: Subject) -> Answer:
    if subject.form is Form.PENDING:
        return _PENDING
    if errors := _about(subject, ConditionType.ACCEPTED, Severity.ERROR):
        return _FALSE, ConditionReason(errors[0].reason), _lines(map(_line, errors))
    if warnings := _about(subject, ConditionType.ACCEPTED, Severity.WARNING):
        return _TRUE, ConditionReason(warnings[0].reason), _lines(map(_line, warnings))
    return _TRUE, ConditionReason.ACCEPTED, ""


def _resolved(subject: Subject) -> Answer:
    if subject.form is Form.PENDING:
        return _PENDING
    if errors := _about(subject, ConditionType.RESOLVED_REFS, Severity.ERROR):
        return _FALSE, ConditionReason(errors[0].reason), _lines(map(_line, errors))
    if any(one.reason is Reason.INVALID for one in subject.diagnostics):
        return _UNKNOWN, ConditionReason.NOT_CHECKED, "do what Accepted says first: nothing could be looked up"
    return _TRUE, ConditionReason.RESOLVED_REFS, ""


def _compiled(subject: Subject) -> Answer:
    match subject.form:
        case Form.PENDING:
            return _PENDING
        case Form.LATEST:
            return _TRUE, ConditionReason.COMPILED, ""
        case Form.LAST_GOOD:
            return _FALSE, ConditionReason.LAST_GOOD_KEPT, f"the last good form is served on; {_DO_FIRST}"
        case Form.NONE:
            return _FALSE, ConditionReason.LEFT_OUT, f"it is in no snapshot; {_DO_FIRST}"


def _provisioned(subject: Subject, made: Provisioning) -> Answer:
    if subject.form is Form.PENDING:
        return _PENDING
    if any(one.reason is Reason.INVALID for one in subject.diagnostics):
        return _UNKNOWN, ConditionReason.NOT_CHECKED, "do what Accepted says first: what was made before stays"
    status, reason, lines = provisioned.judge(made, subject.generation)
    return status, reason, _lines(lines)


def _programmed(subject: Subject, answers: Answers) -> Answer:
    if mine := _rejections(subject, answers):
        return _FALSE, ConditionReason.REJECTED, _lines(f"{_at(subject, one)}; {_CORRECT}" for one in mine)
    if answers.activated is None or answers.activated.digest not in subject.latest:
        return _not_active(answers)
    if not answers.acknowledged:
        return _FALSE, ConditionReason.NO_WORKERS, _START_WORKERS
    if answers.acknowledged <= subject.latest:
        return _TRUE, ConditionReason.PROGRAMMED, ""
    if others := _in_the_way(subject, answers):
        return _FALSE, ConditionReason.HELD_BACK, _lines(f"{_blamed(one)}; correct that" for one in others)
    return _FALSE, ConditionReason.WORKERS_BEHIND, _WAIT_FOR_WORKERS


def _not_active(answers: Answers) -> Answer:
    if answers.refusal:
        return _FALSE, ConditionReason.PUBLISH_FAILED, f"the snapshot can't be stored: {answers.refusal}; {_PERMIT}"
    return _FALSE, ConditionReason.NOT_ACTIVATED, _WAIT_FOR_OPERATOR


def _serving(subject: Subject, answers: Answers, *, served_before: bool) -> Answer:
    """Say whether a good form takes traffic.

    It takes all workers to become True, and none left to become False: a worker that comes back with an old state
    is Programmed's to tell, and must not make a gateway drop the model.
    """
    served = answers.acknowledged
    if not served:
        return _FALSE, ConditionReason.NO_WORKERS, _START_WORKERS
    if subject.form is Form.PENDING:
        return _PENDING
    if served <= subject.good or (served_before and served & subject.good):
        return _TRUE, ConditionReason.SERVING, ""
    if served & subject.partial:
        return _FALSE, ConditionReason.BACKENDS_MISSING, _SHARE_LOST
    todo = "wait for Programmed" if subject.form is Form.LATEST else _DO_FIRST
    return _FALSE, ConditionReason.NOT_SERVED, f"not every worker serves a form of it; {todo}"


def _about(subject: Subject, kind: ConditionType, severity: Severity) -> tuple[Diagnostic, ...]:
    return tuple(one for one in subject.diagnostics if CONDITION_OF[one.reason] is kind and one.severity is severity)


def _rejections(subject: Subject, answers: Answers) -> tuple[Rejection, ...]:
    """Return the refusals that are told here: a runtime tells all, so that none is told nowhere."""
    everything = subject.ref.kind == RUNTIME
    return _sorted(one for _, one in answers.rejections if everything or one.source == subject.ref)


def _in_the_way(subject: Subject, answers: Answers) -> tuple[Rejection, ...]:
    """Return the refusals of workers that serve, and serve something older than this subject's latest form."""
    return _sorted(one for serves, one in answers.rejections if serves is not None and serves not in subject.latest)


def _sorted(rejections: Iterable[Rejection]) -> tuple[Rejection, ...]:
    return tuple(sorted(set(rejections), key=lambda one: (one.source is not None, str(one.source), str(one))))


def _at(subject: Subject, rejection: Rejection) -> str:
    return f"a worker rejected it: {rejection}" if rejection.source == subject.ref else _blamed(rejection)


def _blamed(rejection: Rejection) -> str:
    where = f" because of {rejection.source}" if rejection.source else ""
    return f"a worker rejected the snapshot{where}: {rejection}"


def _line(one: Diagnostic) -> str:
    where = f"{one.field}: " if one.field else ""
    return f"{where}{one.message}; {one.remedy}"


def _lines(lines: Iterable[str]) -> str:
    """Put several messages into one; the same one is said once."""
    found = list(dict.fromkeys(lines))
    more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
    return ". ".join(found[:_SHOWN]) + more


def _cut(message: str) -> str:
    return message if len(message) <= _LONGEST else message[: _LONGEST - 3] + "..."


_DO_FIRST = "do what Accepted and ResolvedRefs say"
_PERMIT = "correct what refuses it (a quota, an admission policy, the operator's rights); it is tried again by itself"
_CORRECT = "correct the field, or bring the workers to the operator's version"
_WAIT_FOR_OPERATOR = "compiled, and not active yet; wait, and if it stays so look for the operator that holds the Lease"
_WAIT_FOR_WORKERS = "active, and not acknowledged everywhere yet; wait, and if it stays so look at the WorkerReports"
_START_WORKERS = "no worker serves a snapshot; start one, or look at its log and WorkerReport"
_SHARE_LOST = "the share of each missing backend is answered with an error; do what ResolvedRefs says"
_PENDING: Answer = (_UNKNOWN, ConditionReason.PENDING, "this generation was not compiled yet; wait")
