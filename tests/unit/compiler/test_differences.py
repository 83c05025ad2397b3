"""What a diff says, and for whom."""

from compiler_resources import a_backend, a_model, a_pool, a_route, a_runtime, a_tensor, snapshot_of
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_compiler.compilation import compile_all
from fourplane_compiler.differences import Change, differences


def a_snapshot(*resources):
    return snapshot_of(compile_all("default/demo", resources))


def diff(old, new):
    return [
        (one.change, one.subject, one.detail, one.before, one.after, one.affects)
        for one in differences(a_snapshot(*old), a_snapshot(*new))
    ]


BOTH = a_runtime(a_pool("p"), a_pool("q"))


def test_equal_snapshots_have_no_differences():
    assert diff([BOTH, a_route("r")], [BOTH, a_route("r")]) == []


def test_a_shift_of_weights_is_told_in_percent():
    old = a_route("r", a_backend("p", weight=9), a_backend("q", weight=1))
    new = a_route("r", a_backend("p", weight=1), a_backend("q", weight=1))
    assert diff([BOTH, old], [BOTH, new]) == [
        (Change.TRAFFIC, "route/default/r", "p/m", "90%", "50%", ("r",)),
        (Change.TRAFFIC, "route/default/r", "q/m", "10%", "50%", ("r",)),
    ]


def test_weights_of_the_same_shares_are_no_difference_to_callers():
    old = a_route("r", a_backend("p", weight=1), a_backend("q", weight=1))
    new = a_route("r", a_backend("p", weight=5), a_backend("q", weight=5))
    assert diff([BOTH, old], [BOTH, new]) == []


def test_routes_come_and_go():
    assert diff([BOTH, a_route("a")], [BOTH, a_route("b")]) == [
        (Change.ROUTE_REMOVED, "route/default/a", "", "p/m 100%", "", ("a",)),
        (Change.ROUTE_ADDED, "route/default/b", "", "", "p/m 100%", ("b",)),
    ]


def test_a_backend_comes_goes_and_loses_its_pool():
    old = a_route("r", a_backend("p"), a_backend("q"))
    assert diff([BOTH, old], [BOTH, a_route("r", a_backend("p"))]) == [
        (Change.TRAFFIC, "route/default/r", "p/m", "50%", "100%", ("r",)),
        (Change.TRAFFIC, "route/default/r", "q/m", "50%", "absent", ("r",)),
    ]
    assert diff([BOTH, old], [a_runtime(a_pool("p")), old]) == [
        (Change.POOL_REMOVED, "pool/q", "", "m", "", ("r",)),
        (Change.RESOLVED, "route/default/r", "q/m", "true", "false", ("r",)),
    ]


def test_the_fields_of_a_route():
    old = a_route("r", a_backend("p"), a_backend("q"))
    new = a_route("r", a_backend("p"), a_backend("q"), model="s", deadline="1s", affinity={"header": "k"})
    affects = ("r", "s")
    assert diff([BOTH, old], [BOTH, new]) == [
        (Change.AFFINITY, "route/default/r", "", "none", "k", affects),
        (Change.DEADLINE, "route/default/r", "", "the runtime's", "1000 ms", affects),
        (Change.PUBLIC_MODEL, "route/default/r", "", "r", "s", affects),
    ]


def test_the_fields_of_a_pool_affect_the_routes_that_use_it():
    old = a_runtime(a_pool("p", a_model("m"), a_model("n")), a_pool("q"))
    new = a_runtime(
        a_pool("p", a_model("m", outputs=[a_tensor("OUT", "INT8")]), a_model("o"), endpoints=("x:1",)), a_pool("q")
    )
    routes = [a_route("r"), a_route("unconcerned", a_backend("q"))]
    assert diff([old, *routes], [new, *routes]) == [
        (Change.CONTRACT, "pool/p", "m", "output OUT FP32[-1]", "output OUT INT8[-1]", ("r",)),
        (Change.ENDPOINTS, "pool/p", "", "triton:8001", "x:1", ("r",)),
        (Change.MODEL_ADDED, "pool/p", "o", "", "IN FP32[-1] -> OUT FP32[-1]", ()),
        (Change.MODEL_REMOVED, "pool/p", "n", "IN FP32[-1] -> OUT FP32[-1]", "", ()),
    ]


def test_the_fields_of_a_runtime_affect_every_route():
    new = a_runtime(
        a_pool("p"),
        a_pool("q"),
        callers={"anonymous": "Allow"},
        limits={"maxRequestBytes": 5},
        telemetry={"tracing": {"endpoint": "http://c:4318"}},
    )
    assert diff([BOTH, a_route("r")], [new, a_route("r")]) == [
        (Change.CALLERS, "runtime", "anonymous", "false", "true", ("r",)),
        (Change.LIMIT, "runtime", "max_request_bytes", "67108864", "5", ("r",)),
        (Change.TELEMETRY, "runtime", "otlp_endpoint", "", "http://c:4318", ()),
    ]


routes = st.builds(
    lambda weights, deadline, model: a_route(
        "r", *(a_backend(pool, weight=weight) for pool, weight in weights.items()), deadline=deadline, model=model
    ),
    st.dictionaries(st.sampled_from(("p", "q")), st.integers(1, 3), min_size=1),
    st.sampled_from(("1s", "2s")),
    st.sampled_from(("x", "y")),
)


@settings(deadline=None)
@given(routes, routes)
def test_a_diff_backwards_has_the_same_differences_with_the_sides_exchanged(one, other):
    forwards, backwards = diff([BOTH, one], [BOTH, other]), diff([BOTH, other], [BOTH, one])
    assert [
        (change, subject, detail, after, before, who) for change, subject, detail, before, after, who in forwards
    ] == (backwards)


def test_the_engines_of_a_pool_are_told_however_they_are_found():
    kinds = ({}, {"service": {"name": "engines", "port": 8001}}, {"modelRepository": "models"})
    by_endpoints, by_service, managed = ([a_runtime(a_pool("p", **kind)), a_route("r")] for kind in kinds)
    assert diff(by_endpoints, by_service) == [
        (Change.ENDPOINTS, "pool/p", "", "triton:8001", "Service engines:8001", ("r",))
    ]
    assert diff(by_service, managed) == [(Change.ENDPOINTS, "pool/p", "", "Service engines:8001", "managed", ("r",))]
