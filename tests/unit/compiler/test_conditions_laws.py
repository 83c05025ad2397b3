"""Laws of the conditions, whatever was compiled, activated and reported."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fourplane_api import ConditionStatus
from fourplane_api.report import PoolReport, PoolState
from fourplane_compiler.conditions import (
    Activated,
    ConditionReason,
    ConditionType,
    Form,
    Provisioning,
    Rejection,
    Report,
    Shortfall,
    Subject,
    answers_of,
    conditions,
)
from fourplane_compiler.conditions.provisioned import TERMINAL
from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity, SourceRef
from fourplane_compiler.sources import ROUTE, RUNTIME

T = ConditionStatus.TRUE
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
DIGESTS = tuple(f"sha256:{letter * 64}" for letter in "abc")
REFS = (SourceRef(ROUTE, "default/r"), SourceRef(ROUTE, "default/other"), SourceRef(RUNTIME, "default/demo"))
LEADING = tuple(ConditionType)[:6]

digests = st.sampled_from(DIGESTS)
several = st.frozensets(digests)
activations = st.builds(Activated, digest=digests, epoch=st.just(1), sequence=st.integers(1, 2))
rejections = st.builds(
    Rejection,
    digest=digests,
    message=st.sampled_from(("", "no", "never")),
    source=st.sampled_from((None, *REFS)),
    field=st.sampled_from(("", "spec.deadline")),
)
pools = st.builds(
    PoolReport,
    name=st.sampled_from(("p", "q")),
    state=st.sampled_from(PoolState),
    message=st.sampled_from(("", "it is gone")),
)
reports = st.builds(
    Report,
    acknowledged=st.none() | digests,
    rejections=st.lists(rejections, max_size=2).map(tuple),
    pools=st.lists(pools, max_size=2, unique_by=lambda one: one.name).map(tuple),
)
said = st.builds(
    Diagnostic,
    source=st.just(REFS[0]),
    severity=st.sampled_from(Severity),
    reason=st.sampled_from(Reason),
    field=st.sampled_from(("", "spec.model")),
    message=st.just("wrong"),
    remedy=st.just("right it"),
)


shortfalls = st.builds(
    Shortfall, reason=st.sampled_from((*TERMINAL, ConditionReason.PODS_NOT_READY)), message=st.just("wrong; right it")
)
provisionings = st.builds(
    Provisioning, generation=st.integers(-1, 3), shortfalls=st.lists(shortfalls, max_size=2).map(tuple)
)


@st.composite
def subjects(draw, refs=REFS):
    forms = [form for form in Form if form is not Form.PENDING]
    form, latest, good = draw(st.sampled_from(forms)), draw(several), draw(several)
    return Subject(
        ref=draw(st.sampled_from(refs)),
        generation=draw(st.integers(0, 3)),
        diagnostics=tuple(draw(st.lists(said, max_size=3))),
        form=form,
        latest=latest if form is Form.LATEST else frozenset(),
        good=good,
        partial=draw(several) - good,
        provisioning=draw(st.none() | provisionings),
    )


answers = st.builds(answers_of, st.none() | activations, st.lists(reports, max_size=4))
moments = st.integers(0, 300).map(lambda seconds: NOW + timedelta(seconds=seconds))
histories = st.lists(st.tuples(subjects(), answers, moments), max_size=3)


def after(history):
    found = ()
    for subject, answer, now in history:
        found = conditions(subject, answer, found, now)
    return found


def by_type(found):
    return {one.type: one for one in found}


@given(histories, subjects(), answers, moments)
def test_writing_what_stands_changes_nothing(history, subject, answer, now):
    found = conditions(subject, answer, after(history), now)
    assert conditions(subject, answer, found, now) == found


@given(histories, subjects(), answers, moments)
def test_ready_is_all_of_the_others_for_this_generation(history, subject, answer, now):
    found = by_type(conditions(subject, answer, after(history), now))
    assert (found["Ready"].status is T) == all(one.status is T for one in found.values() if one.type in LEADING)
    assert {one.observed_generation for one in found.values()} == {subject.generation}


@given(histories, subjects(), answers, moments)
def test_exactly_one_of_ready_reconciling_and_stalled_is_true(history, subject, answer, now):
    found = by_type(conditions(subject, answer, after(history), now))
    assert [found[kind].status for kind in ("Ready", "Reconciling", "Stalled")].count(T) == 1


@given(histories, subjects(), answers, moments)
def test_a_time_changes_exactly_with_its_status(history, subject, answer, now):
    before = after(history)
    known = by_type(before)
    for one in conditions(subject, answer, before, now):
        old = known.get(one.type)
        kept = old is not None and old.status is one.status
        assert one.last_transition_time == (
            old.last_transition_time if kept else now.isoformat(timespec="seconds").replace("+00:00", "Z")
        )


@given(histories, subjects(refs=REFS[:2]), activations, st.lists(reports, min_size=1, max_size=3), st.data())
def test_a_worker_more_or_less_that_says_what_others_say_changes_no_route(history, subject, activated, given_, data):
    before = after(history)
    twin = data.draw(st.sampled_from(given_))
    starting = data.draw(st.lists(st.just(Report()), max_size=2))
    few = conditions(subject, answers_of(activated, given_), before, NOW)
    many = conditions(subject, answers_of(activated, [*given_, twin, *starting]), before, NOW)
    assert many == few


@given(histories, subjects(), activations, st.lists(reports, max_size=3), moments)
def test_an_edit_that_one_serving_worker_has_not_acknowledged_is_never_ready(history, subject, activated, given_, now):
    behind = Report(acknowledged="sha256:" + "f" * 64)
    found = by_type(conditions(subject, answers_of(activated, [*given_, behind]), after(history), now))
    assert found["Programmed"].status is not T
    assert found["Ready"].status is not T


@given(histories, subjects(), answers, moments)
def test_an_edit_that_is_not_active_is_never_ready(history, subject, answer, now):
    elsewhere = replace(answer, activated=Activated(digest="sha256:" + "f" * 64, epoch=1, sequence=3))
    assert by_type(conditions(subject, elsewhere, after(history), now))["Ready"].status is not T


@given(histories, subjects(), answers, moments)
def test_no_condition_tells_a_digest_and_whatever_is_not_good_has_a_message(history, subject, answer, now):
    for one in conditions(subject, answer, after(history), now):
        assert "sha256:" not in one.message and ": ;" not in one.message
        if one.type in LEADING and one.status is not T:
            assert one.message


@given(histories, subjects(), answers, moments)
def test_what_was_not_compiled_yet_keeps_what_stands_and_is_unknown_where_nothing_does(history, subject, answer, now):
    before = after(history)
    found = conditions(Subject(ref=subject.ref, generation=subject.generation), answer, before, now)
    assert found == before if before else by_type(found)["Ready"].status is not T
    assert conditions(Subject(ref=subject.ref, generation=subject.generation), answer, found, now) == found
