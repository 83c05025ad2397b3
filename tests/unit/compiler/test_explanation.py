"""What is explained is what is planned."""

from compiler_resources import a_backend, a_pool, a_route, a_runtime, snapshot_of
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_compiler.compilation import compile_all
from fourplane_compiler.explanation import explain
from fourplane_core.control.plan import Facts, Plan, prepare
from fourplane_core.outcomes import Outcome, Refusal

OPEN = {"callers": {"anonymous": "Allow"}}


def a_planner(*routes, **spec):
    runtime = a_runtime(a_pool("p"), a_pool("q"), **OPEN | spec)
    return prepare(snapshot_of(compile_all("default/demo", [runtime, *routes])))


backends = st.dictionaries(st.sampled_from(("p", "q", "gone")), st.integers(0, 3), min_size=1).filter(
    lambda weights: any(weights.values())
)


@settings(max_examples=200, deadline=None)
@given(
    backends,
    st.sampled_from((None, {"header": "k"})),
    st.one_of(st.none(), st.text(min_size=1)),
    st.integers(0, 2**64 - 1),
    st.sampled_from((("Allow", "r"), ("Allow", "r"), ("Deny", "r"), ("Allow", ""), ("Allow", "unknown"))),
)
def test_an_explanation_agrees_with_the_plan(weights, affinity, value, draw, case):
    anonymous, model = case
    route = a_route("r", *(a_backend(pool, weight=weight) for pool, weight in weights.items()), affinity=affinity)
    planner = a_planner(route, callers={"anonymous": anonymous})
    answer = planner.plan(
        Facts(model=model, version="", draw=draw, metadata={"k": value.encode() if value else None}.get)
    )
    found = explain(planner, model, "", affinity=value, draw=draw)
    chosen = [(one.pool, one.model) for one in found.candidates if one.chosen]
    assert found.decided
    if isinstance(answer, Plan):
        assert chosen == [(answer.backend.pool, answer.backend.model)]
        assert found.refusal is None
        assert found.deadline_ms == answer.deadline_ms
    else:
        assert isinstance(answer, Refusal)
        assert (chosen, found.refusal) == ([], answer)
    assert all(one.why for one in found.candidates)


def test_without_a_key_only_what_is_sure_is_said():
    route = a_route("r", a_backend("p", weight=3), a_backend("q"), a_backend("gone", weight=0))
    found = explain(a_planner(route), "r", "")
    assert not found.decided
    assert found.refusal is None
    assert [(one.pool, one.share, one.chosen) for one in found.candidates] == [
        ("gone", 0.0, False),
        ("p", 75.0, False),
        ("q", 25.0, False),
    ]
    assert "weight 0" in found.candidates[0].why
    assert "takes 75%" in found.candidates[1].why


def test_one_backend_decides_on_its_own():
    found = explain(a_planner(a_route("r")), "r", "")
    assert found.decided
    assert found.candidates[0].chosen


def test_a_value_without_affinity_is_told_to_have_no_effect():
    found = explain(a_planner(a_route("r", a_backend("p"), a_backend("q"))), "r", "", affinity="x")
    assert not found.decided
    assert "has no effect" in found.decided_by


def test_an_unknown_model_is_a_refusal():
    found = explain(a_planner(), "nope", "")
    assert found.refusal.outcome is Outcome.MODEL_NOT_FOUND
    assert (found.route, found.candidates) == ("", ())


def test_a_missing_backend_says_why_its_share_errors():
    found = explain(a_planner(a_route("r", a_backend("gone"))), "r", "")
    assert found.refusal.outcome is Outcome.BACKEND_UNRESOLVED
    assert "do not exist" in found.candidates[0].why


def test_each_candidate_says_how_its_engines_are_found():
    pools = (
        a_pool("p"),
        a_pool("q", service={"name": "engines", "port": 8001}),
        a_pool("s", modelRepository="models"),
    )
    route = a_route("r", *(a_backend(name) for name in ("p", "q", "s", "gone")))
    planner = prepare(snapshot_of(compile_all("default/demo", [a_runtime(*pools, **OPEN), route])))
    found = {one.pool: one.engines for one in explain(planner, "r", "").candidates}
    assert found == {"p": "triton:8001", "q": "Service engines:8001", "s": "managed", "gone": ""}
