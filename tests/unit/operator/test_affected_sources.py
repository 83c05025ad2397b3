"""Whose conditions may be different is never too few, and of an edit of one among many it is one."""

from datetime import UTC, datetime

from compiler_resources import RUNTIME_REF, a_backend, a_model, a_pool, a_route, a_runtime, broken, route_ref
from hypothesis import given
from hypothesis import strategies as st

from fourplane_compiler import affected
from fourplane_compiler.compilation import blank, compile_runtime
from fourplane_compiler.conditions import Activated, Held, Rejection, Report, answers_of, conditions, subject_of
from fourplane_compiler.sources import Changes

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NAMES = ("a", "b", "c")
MODELS = ("m", "n", "missing")

routes = st.one_of(
    st.builds(
        lambda name, model, public: a_route(name, a_backend("p", model), model=public),
        st.sampled_from(NAMES),
        st.sampled_from(MODELS),
        st.sampled_from(("x", "y", "z")),
    ),
    st.builds(broken, st.sampled_from(NAMES)),
)
runtimes = st.sampled_from(
    [
        a_runtime(a_pool("p", a_model("m"), a_model("n"))),
        a_runtime(a_pool("p", a_model("m"))),
        a_runtime(a_pool("q", a_model("m"))),
    ]
)
changes = st.one_of(
    st.builds(lambda one: Changes(upserts=(one,)), st.one_of(routes, runtimes)),
    st.builds(lambda name: Changes(deletes=(route_ref(name),)), st.sampled_from(NAMES)),
)


def written(compilation, answers, held):
    """Return the conditions of everyone, without the generation, which an edit alone changes."""
    refs = [RUNTIME_REF, *(route_ref(name) for name in compilation.routes)]
    subjects = {ref: subject_of(compilation, ref, held) for ref in refs}
    return {
        ref: tuple((one.type, one.status, one.reason, one.message) for one in conditions(subject, answers, (), NOW))
        for ref, subject in subjects.items()
        if subject is not None
    }


def is_ready(conditions_of_one):
    return any((kind, status) == ("Ready", "True") for kind, status, *_ in conditions_of_one)


def served_by(compilations, picks, rejected):
    """Return what workers say that serve some of these."""
    digests = [one.encoded.digest for one in compilations if one.encoded]
    reports = [Report(acknowledged=digests[pick % len(digests)] if digests else None) for pick in picks]
    if rejected and digests:
        blamed = Rejection(digest=digests[-1], message="no", source=route_ref("a"))
        reports.append(Report(acknowledged=digests[0], rejections=(blamed,)))
    activated = Activated(digest=digests[-1], epoch=1, sequence=1) if digests else None
    return answers_of(activated, reports)


picks = st.lists(st.integers(0, 5), max_size=3)


@given(st.lists(changes, min_size=1, max_size=6), picks, picks, st.booleans(), st.booleans())
def test_whoever_settled_and_is_told_otherwise_is_among_the_affected(
    edits, served_before, served_after, before_rejected, after_rejected
):
    before = blank("default/demo")
    history = [before]
    for edit in edits:
        history.append(compile_runtime(history[-1], edit))
    before, after = history[-2], history[-1]
    held = {one.encoded.digest: Held.of(one) for one in history if one.encoded}
    answers = served_by(history[:-1], served_before, before_rejected)
    later = served_by(history, served_after, after_rejected)
    told_before = written(before, answers, held.values())
    told_after = written(after, later, held.values())
    found = affected.by_compile(before, after) | affected.by_answers(answers, later, after, held)
    edited = {RUNTIME_REF, *(route_ref(ref) for ref in NAMES if _is_edited(edits[-1], ref))}
    for ref, now in told_after.items():
        was = told_before.get(ref)
        if was is not None and is_ready(was) and now != was:
            assert ref in found | edited


def _is_edited(change, name):
    return any(getattr(getattr(one, "metadata", None), "name", "") == name for one in change.upserts) or any(
        getattr(one, "ref", None) == route_ref(name) for one in change.upserts
    )


def test_an_edit_of_one_among_many_affects_one():
    many = [a_route(f"r{number}", a_backend("p", "m")) for number in range(200)]
    pool = a_pool("p", a_model("m"), a_model("n"))
    before = compile_runtime(blank("default/demo"), Changes(upserts=(a_runtime(pool), *many)))
    after = compile_runtime(before, Changes(upserts=(a_route("r7", a_backend("p", "n")),)))
    assert affected.by_compile(before, after) == {route_ref("r7")}
    report = Report(acknowledged=before.encoded.digest)
    active = [Activated(digest=one.encoded.digest, epoch=1, sequence=at) for at, one in enumerate((before, after))]
    held = {one.encoded.digest: Held.of(one) for one in (before, after)}
    moved = affected.by_answers(
        answers_of(active[0], [report]), answers_of(active[1], [Report(acknowledged=after.encoded.digest)]), after, held
    )
    assert moved == {RUNTIME_REF, route_ref("r7")}


def test_one_more_worker_affects_the_runtime_alone():
    before = compile_runtime(blank("default/demo"), Changes(upserts=(a_runtime(), a_route("a"))))
    active = Activated(digest=before.encoded.digest, epoch=1, sequence=1)
    report = Report(acknowledged=before.encoded.digest)
    held = {before.encoded.digest: Held.of(before)}
    few, more = answers_of(active, [report]), answers_of(active, [report, report])
    assert affected.by_answers(few, more, before, held) == {RUNTIME_REF}


def test_a_snapshot_that_nobody_can_look_up_affects_everyone():
    compilation = compile_runtime(blank("default/demo"), Changes(upserts=(a_runtime(), a_route("a"), a_route("b"))))
    active = Activated(digest=compilation.encoded.digest, epoch=1, sequence=1)
    known, unknown = Report(acknowledged=compilation.encoded.digest), Report(acknowledged="sha256:" + "0" * 64)
    held = {compilation.encoded.digest: Held.of(compilation)}
    found = affected.by_answers(answers_of(active, [known]), answers_of(active, [known, unknown]), compilation, held)
    assert found == {RUNTIME_REF, route_ref("a"), route_ref("b")}
