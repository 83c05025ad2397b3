"""Laws of the plan: it is total, and it says where a message goes and under which bounds."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_core.control.plan import Facts, Plan, prepare
from fourplane_core.control.snapshot import (
    Backend,
    Digest,
    Limits,
    Model,
    Pool,
    PoolName,
    Route,
    RouteName,
    Runtime,
    Snapshot,
)
from fourplane_core.outcomes import ENDINGS, Code, Outcome, Refusal

LIMITS = Limits(
    max_request_bytes=1,
    max_response_bytes=1,
    max_metadata_bytes=1,
    max_streams_per_connection=1,
    max_deadline_ms=1000,
    max_stream_ms=1,
)
POOL = Pool(name=PoolName("p"), endpoints=(), models=(Model(name="m", decoupled=False, inputs=(), outputs=()),))


def a_backend(pool="p", model="m", version="", weight=1):
    return Backend(
        pool=PoolName(pool), model=model, version=version, weight=weight, resolved=(pool, model) == ("p", "m")
    )


def a_route(name="r", *backends, version="", deadline_ms=0, affinity_header=""):
    return Route(
        name=RouteName(f"default/{name}{version}"),
        model=name,
        version=version,
        backends=backends or (a_backend(),),
        deadline_ms=deadline_ms,
        affinity_header=affinity_header,
    )


def a_planner(*routes, anonymous=True):
    runtime = Runtime(name="default/demo", anonymous=anonymous, limits=LIMITS)
    return prepare(Snapshot(digest=Digest("sha256:0"), runtime=runtime, pools=(POOL,), routes=routes))


def facts(model="r", version="", draw=0, **more):
    return Facts(model=model, version=version, draw=draw, **more)


backends = st.builds(
    a_backend,
    st.sampled_from(("p", "gone")),
    st.sampled_from(("m", "gone")),
    st.sampled_from(("", "1")),
    st.integers(0, 3),
)
routes = st.builds(
    lambda name, several, version, deadline, header: a_route(
        name, *several, version=version, deadline_ms=deadline, affinity_header=header
    ),
    st.sampled_from(("r", "s")),
    st.lists(backends, min_size=1, max_size=4),
    st.sampled_from(("", "1", "2", "v")),
    st.integers(0, 2000),
    st.sampled_from(("", "k")),
)
any_facts = st.builds(
    Facts,
    model=st.one_of(st.sampled_from(("r", "s", "")), st.text()),
    version=st.one_of(st.sampled_from(("", "1", "9")), st.text()),
    draw=st.integers(0, 2**64 - 1),
    sequence=st.binary(max_size=3),
    metadata=st.sampled_from((lambda _key: None, lambda _key: b"v", lambda _key: b"")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(routes, max_size=6, unique_by=lambda route: (route.model, route.version)), st.booleans(), any_facts)
def test_a_plan_is_total(several, anonymous, asked):
    answer = a_planner(*several, anonymous=anonymous).plan(asked)
    if isinstance(answer, Refusal):
        assert answer.outcome in ENDINGS
        assert ENDINGS[answer.outcome].code != Code.OK
        assert answer.message
        return
    assert isinstance(answer, Plan)
    assert anonymous
    assert answer.route.model == asked.model
    assert answer.backend in answer.route.backends
    assert answer.weight > 0
    assert answer.pool is POOL
    assert answer.model is POOL.models[0]
    assert 0 < answer.deadline_ms <= LIMITS.max_deadline_ms


distinct = st.lists(routes, max_size=6, unique_by=lambda route: (route.model, route.version))


@given(st.data(), distinct, st.booleans(), any_facts)
def test_plans_that_are_used_again_decide_as_new_ones_would(data, several, same_limits, asked):
    before = prepare(a_snapshot(several, LIMITS if same_limits else replace(LIMITS, max_deadline_ms=7)))
    kept = data.draw(st.lists(st.sampled_from(several), unique_by=id)) if several else []
    taken = {(route.model, route.version) for route in kept}
    added = [route for route in data.draw(distinct) if (route.model, route.version) not in taken]
    snapshot = a_snapshot([*kept, *added], LIMITS)
    again, anew = prepare(snapshot, before).plan(asked), prepare(snapshot).plan(asked)
    assert fields_of(again) == fields_of(anew)


def test_plans_of_what_did_not_change_are_used_again():
    kept, edited = a_route("r"), a_route("s")
    before = prepare(a_snapshot([kept, edited], LIMITS))
    after = prepare(a_snapshot([kept, replace(edited, deadline_ms=5)], LIMITS), before)
    assert after.plan(facts("r")) is before.plan(facts("r"))
    assert after.plan(facts("s")).deadline_ms == 5


def a_snapshot(several, limits):
    runtime = Runtime(name="default/demo", anonymous=True, limits=limits)
    return Snapshot(digest=Digest("sha256:0"), runtime=runtime, pools=(POOL,), routes=tuple(several))


def fields_of(answer):
    return answer if isinstance(answer, Refusal) else {name: getattr(answer, name) for name in Plan.__slots__}


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(min_size=1))
def test_a_sequence_stays_where_it_is_whatever_is_drawn(one, other, sequence):
    planner = a_planner(a_route("r", a_backend(), a_backend(version="1"), affinity_header="k"))
    first = planner.plan(facts(draw=one, sequence=sequence))
    assert first is planner.plan(facts(draw=other, sequence=sequence, metadata=lambda _key: b"v"))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(min_size=1))
def test_an_affinity_value_stays_where_it_is_whatever_is_drawn(one, other, value):
    planner = a_planner(a_route("r", a_backend(), a_backend(version="1"), affinity_header="k"))
    look_up = {"k": value}.get
    assert planner.plan(facts(draw=one, metadata=look_up)) is planner.plan(facts(draw=other, metadata=look_up))


def test_a_plan_that_stands_alone_says_so():
    alone = a_planner(a_route("r", a_backend(), a_backend(version="1", weight=0))).plan(facts())
    among = a_planner(a_route("r", a_backend(), a_backend(version="1"))).plan(facts())
    assert (alone.alone, among.alone) == (True, False)


def test_a_share_without_a_backend_is_refused_and_not_redistributed():
    planner = a_planner(a_route("r", a_backend(weight=1), a_backend("gone", weight=1)))
    answers = [planner.plan(facts(draw=draw * 2**55)) for draw in range(500)]
    refused = [one.outcome for one in answers if isinstance(one, Refusal)]
    assert set(refused) == {Outcome.BACKEND_UNRESOLVED}
    assert 150 < len(refused) < 350


def test_a_name_without_version_finds_the_unversioned_or_the_newest_route():
    versions = [a_route(version=version) for version in ("9", "10", "v99")]
    assert a_planner(*versions).plan(facts()).route.version == "10"
    assert a_planner(*versions, a_route()).plan(facts()).route.version == ""
    assert a_planner(*versions).plan(facts(version="9")).route.version == "9"


def test_a_deadline_is_bounded_by_the_runtime():
    assert [a_planner(a_route(deadline_ms=deadline)).plan(facts()).deadline_ms for deadline in (0, 5, 9999)] == [
        1000,
        5,
        1000,
    ]


def test_who_may_not_call_learns_nothing_of_the_models():
    planner = a_planner(a_route(), anonymous=False)
    assert planner.plan(facts()) == planner.plan(facts(model="unknown"))
    assert planner.plan(facts()).outcome is Outcome.CALLER_UNAUTHENTICATED


def test_refusals_name_the_model_within_a_bound():
    planner = a_planner(a_route())
    assert planner.plan(facts(model="")).outcome is Outcome.MODEL_NAME_MISSING
    assert "'nope'" in planner.plan(facts(model="nope")).message
    assert "no version '7'" in planner.plan(facts(version="7")).message
    assert len(planner.plan(facts(model="x" * 10_000, version="y" * 10_000)).message) < 400
