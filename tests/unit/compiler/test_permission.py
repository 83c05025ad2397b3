"""Routes of other namespaces: who permits them, and what becomes of them when that changes."""

import pytest
from compiler_resources import (
    a_backend,
    a_model,
    a_pool,
    a_route,
    a_runtime,
    broken,
    route_ref,
    said,
    snapshot_of,
)
from test_conditions_support import NOW, F, on, the, trouble, written

from fourplane_compiler.compilation import compile_all, compile_runtime
from fourplane_compiler.conditions import PATIENCE, look_again
from fourplane_compiler.diagnostics import Reason
from fourplane_compiler.sources import RUNTIME, Changes, SourceRef, runtime_named

DEMO = "default/demo"
TEAM = "team/r"
REFUSED = [(Reason.REF_NOT_PERMITTED, "spec.runtimeRef", False)]


def allowing(*names, pools=(), **allowed):
    namespaces = {"from": "Names", "names": list(names)} if names else allowed
    return a_runtime(*pools, allowedRoutes={"namespaces": namespaces})


def served(compilation):
    return [route.name for route in snapshot_of(compilation).routes]


def edit(before, *upserts):
    return compile_runtime(before, Changes(upserts=upserts))


def of_team(*backends, **fields):
    return a_route("r", *backends, namespace="team", **fields)


@pytest.mark.parametrize("runtime", [allowing("team"), allowing("other", "team"), allowing(**{"from": "All"})])
def test_a_route_of_a_namespace_that_its_runtime_names_is_served(runtime):
    state = compile_all(DEMO, [runtime, of_team()])
    assert served(state) == [TEAM]
    assert not state.diagnostics


@pytest.mark.parametrize("runtime", [a_runtime(), allowing("other"), allowing(**{"from": "Same"})])
def test_any_other_is_left_out_and_told_whom_to_ask(runtime):
    state = compile_all(DEMO, [runtime, of_team(a_backend("gone"))])
    assert served(state) == []
    (one,) = state.diagnostics[route_ref(TEAM)]
    assert said(state, TEAM) == REFUSED
    assert one.message == "RuntimeDeployment default/demo takes no routes of namespace team; this route is left out"
    assert "add team to its spec.allowedRoutes.namespaces.names" in one.remedy


@pytest.mark.parametrize("runtime", [a_runtime(), allowing("team"), allowing(**{"from": "All"})])
def test_routes_of_the_own_namespace_are_always_taken(runtime):
    assert served(compile_all(DEMO, [runtime, a_route()])) == ["default/r"]


def test_a_route_without_a_namespace_names_a_runtime_of_its_own():
    route = of_team(runtimeRef={"name": "demo"})
    state = compile_all(DEMO, [allowing("team"), route])
    assert said(state, TEAM) == [(Reason.RUNTIME_NOT_FOUND, "spec.runtimeRef.name", False)]
    assert "team/demo" in state.diagnostics[route_ref(TEAM)][0].message


def test_permission_that_is_withdrawn_ends_the_last_good_form_too():
    pools = (a_pool("p"),)
    before = compile_all(DEMO, [allowing("team", pools=pools), of_team(), a_route("mine")])
    gone = edit(before, allowing("other", pools=pools))
    assert served(gone) == ["default/mine"]
    assert said(gone, TEAM) == REFUSED
    for later in (of_team(deadline="1s"), broken("r", namespace="team")):
        assert served(edit(gone, later)) == ["default/mine"]
    assert served(edit(gone, allowing("team", pools=pools))) == ["default/mine", TEAM]


@pytest.mark.parametrize("route", [broken("r", namespace="team"), of_team(a_backend("gone"))])
def test_a_last_good_form_goes_on_only_while_it_is_permitted(route):
    before = compile_all(DEMO, [allowing("team"), of_team()])
    kept = edit(before, route)
    assert served(kept) == [TEAM]
    assert served(edit(kept, a_runtime())) == []
    assert served(compile_all(DEMO, [a_runtime(), route], snapshot_of(kept))) == []


def test_another_permission_changes_no_byte_where_it_changes_no_route():
    before = compile_all(DEMO, [a_runtime(), a_route()])
    after = edit(before, allowing("team"))
    assert after.encoded == before.encoded
    assert after.root is before.root


def test_a_runtime_that_can_not_be_read_keeps_what_it_serves_and_takes_nothing_new():
    before = compile_all(DEMO, [allowing("team"), of_team(), a_route("mine")])
    for state in (
        edit(before, broken("demo", RUNTIME)),
        compile_all(DEMO, [broken("demo", RUNTIME), of_team(), a_route("mine")], snapshot_of(before)),
    ):
        assert served(state) == ["default/mine", TEAM]
        more = edit(state, a_route("s", namespace="team"), a_route("new"))
        assert served(more) == ["default/mine", "default/new", TEAM]
        assert said(more, "team/s") == REFUSED
        assert "correct RuntimeDeployment default/demo" in more.diagnostics[route_ref("team/s")][0].remedy


def test_a_runtime_that_is_too_large_is_asked_all_the_same():
    models = [
        a_model(f"m{index}", inputs=[{"name": f"{n}" + "t" * 100, "datatype": "FP32", "shape": []} for n in range(64)])
        for index in range(40)
    ]
    before = compile_all(DEMO, [allowing("team"), of_team()])
    after = edit(before, a_runtime(a_pool("p", *models)))
    assert after.diagnostics[SourceRef(RUNTIME, DEMO)][0].reason is Reason.TOO_LARGE
    assert served(after) == []


def test_of_routes_of_two_namespaces_the_oldest_serves_their_model():
    mine = a_route("mine", model="x", created="2026-01-02T00:00:00Z")
    theirs = of_team(model="x", created="2026-01-01T00:00:00Z")
    state = compile_all(DEMO, [allowing("team"), mine, theirs])
    assert served(state) == [TEAM]
    assert said(state, "mine") == [(Reason.CONFLICT, "spec.model", False)]
    assert served(edit(state, a_runtime())) == ["default/mine"]


def test_the_condition_says_so_and_is_waited_for():
    world = compile_all(DEMO, [a_runtime(), of_team()])
    found = written(world, on(world), ref=route_ref(TEAM))
    refs = the(found, "ResolvedRefs")
    assert (refs.status, refs.reason) == (F, "RefNotPermitted")
    assert refs.message.startswith("spec.runtimeRef: RuntimeDeployment default/demo takes no routes of namespace team")
    assert the(found, "Accepted").status == "True"
    assert trouble(found) == ("Reconciling", "RefNotPermitted")
    assert look_again(found) == NOW + PATIENCE
    later = written(world, on(world), ref=route_ref(TEAM), before=found, now=NOW + PATIENCE)
    assert trouble(later) == ("Stalled", "RefNotPermitted")


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ({"name": "shop"}, "team/shop"),
        ({"name": "shop", "namespace": "platform"}, "platform/shop"),
        ({"name": "shop", "namespace": 7}, "team/shop"),
        ({"name": 7}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_runtime_of_a_route_that_is_not_valid_is_read_where_it_can_be(reference, named):
    assert runtime_named({"spec": {"runtimeRef": reference}}, "team") == named
    assert runtime_named({}, "team") == ""


def test_what_goes_on_without_a_known_permission_ends_for_good_when_another_takes_its_model():
    before = compile_all(DEMO, [allowing("team"), of_team(model="x", created="2026-01-02T00:00:00Z")])
    kept = edit(before, broken("demo", RUNTIME))
    older = a_route("older", model="x", created="2026-01-01T00:00:00Z")
    taken = edit(kept, older)
    assert served(taken) == ["default/older"]
    assert said(taken, TEAM) == REFUSED
    sources = [broken("demo", RUNTIME), of_team(model="x", created="2026-01-02T00:00:00Z"), older]
    again = compile_all(DEMO, sources, snapshot_of(taken))
    assert (again.encoded, again.diagnostics) == (taken.encoded, taken.diagnostics)
