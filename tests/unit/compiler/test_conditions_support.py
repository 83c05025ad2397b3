"""A runtime, its workers and what is written of one of its resources: shared by the tests of conditions."""

from datetime import UTC, datetime

from compiler_resources import route_ref

from fourplane_api import ConditionStatus
from fourplane_compiler.compilation import compile_all, compile_runtime
from fourplane_compiler.conditions import Activated, Held, Report, answers_of, conditions, subject_of
from fourplane_compiler.sources import Changes

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
T, F, U = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
DEMO = "default/demo"
R = route_ref("r")


def a_world(*resources, before=None):
    return compile_all(DEMO, resources) if before is None else compile_runtime(before, Changes(upserts=resources))


def digest_of(compilation):
    return compilation.encoded.digest


def active(compilation, sequence=1):
    return Activated(digest=compilation.encoded.digest, epoch=1, sequence=sequence)


def on(compilation, *rejections):
    return Report(acknowledged=compilation.encoded.digest if compilation else None, rejections=rejections)


def written(compilation, *reports, activated=None, ref=R, others=(), before=(), now=NOW):
    subject = subject_of(compilation, ref, [Held.of(one) for one in others])
    return conditions(subject, answers_of(activated or active(compilation), reports), before, now)


def statuses(found):
    return {one.type: one.status for one in found}


def the(found, kind):
    return next(one for one in found if one.type == kind)


def trouble(found):
    """Return the condition that is true at the end: Ready, Reconciling or Stalled, and why."""
    (one,) = [one for one in found[-3:] if one.status is T]
    return one.type, one.reason
