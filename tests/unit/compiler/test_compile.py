"""What a compile does with each kind of trouble."""

import subprocess
import sys
from pathlib import Path

import pytest
from compiler_resources import (
    RUNTIME_REF,
    a_backend,
    a_model,
    a_pool,
    a_route,
    a_runtime,
    a_tensor,
    broken,
    route_ref,
    routes_of,
    said,
    snapshot_of,
)

from fourplane_compiler.compilation import blank, compile_all, compile_runtime
from fourplane_compiler.diagnostics import Reason, Severity
from fourplane_compiler.sources import Changes, source_of
from fourplane_wire import trie
from fourplane_wire.manifest import MAX_SHARD_BYTES

DEMO = "default/demo"


def edit(before, *upserts, delete=()):
    return compile_runtime(before, Changes(upserts=upserts, deletes=tuple(delete)))


def test_resources_become_the_values_of_a_snapshot():
    runtime = a_runtime(
        a_pool("p", a_model("b"), a_model("a", decoupled=True), endpoints=("z:1", "a:1")),
        callers={"anonymous": "Allow"},
        limits={"maxDeadline": "1s", "maxStreamDuration": "2s"},
        telemetry={"tracing": {"endpoint": "http://c:4318", "samplePerMillion": 7}},
    )
    route = a_route("r", a_backend(model="b", weight=3, version="2"), deadline="1s", affinity={"header": "session-id"})
    snapshot = snapshot_of(compile_all(DEMO, [runtime, route]))
    (pool,), (found,) = snapshot.pools, snapshot.routes
    assert snapshot.runtime.anonymous is True
    assert (snapshot.runtime.limits.max_deadline_ms, snapshot.runtime.limits.max_stream_ms) == (1000, 2000)
    assert (snapshot.runtime.telemetry.otlp_endpoint, snapshot.runtime.telemetry.sample_per_million) == (
        "http://c:4318",
        7,
    )
    assert pool.endpoints == ("a:1", "z:1")
    assert [(model.name, model.decoupled) for model in pool.models] == [("a", True), ("b", False)]
    (backend,) = found.backends
    assert (backend.pool, backend.model, backend.version, backend.weight, backend.resolved) == ("p", "b", "2", 3, True)
    assert (found.deadline_ms, found.affinity_header) == (1000, "session-id")


def test_a_pool_of_a_service_names_it_and_what_only_the_operator_heeds_changes_no_byte():
    service = {"name": "engines", "port": 8001}
    (pool,) = snapshot_of(compile_all(DEMO, [a_runtime(a_pool("p", service=service))])).pools
    assert (pool.endpoints, pool.service) == ((), "engines:8001")
    plain = compile_all(DEMO, [a_runtime(a_pool("p", modelRepository="s3://models/p"))])
    (pool,) = snapshot_of(plain).pools
    assert (pool.endpoints, pool.service) == ((), "")
    elaborate = a_runtime(
        a_pool("p", modelRepository="pvc://models", server={"gpus": 1}),
        workers={"replicas": 9},
        allowedRoutes={"namespaces": {"from": "All"}},
    )
    assert compile_all(DEMO, [elaborate]).encoded.digest == plain.encoded.digest


def test_the_order_of_backends_and_endpoints_changes_no_digest():
    one, two = a_backend(), a_backend(version="2")
    first = compile_all(DEMO, [a_runtime(a_pool(endpoints=("a:1", "b:1"))), a_route("r", one, two)])
    second = compile_all(DEMO, [a_runtime(a_pool(endpoints=("b:1", "a:1"))), a_route("r", two, one)])
    assert first.encoded == second.encoded


def test_an_edit_that_changes_nothing_changes_no_digest_but_the_provenance():
    before = compile_all(DEMO, [a_runtime(), a_route(metadata={"generation": 1})])
    after = edit(before, a_route(metadata={"generation": 2, "labels": {"a": "b"}}))
    assert after.encoded == before.encoded
    assert [source.generation for source in after.provenance().sources] == [2, 0]


def test_the_hash_of_a_source_is_of_its_meaning():
    plain, written_out = a_route("r"), a_route("r", a_backend(weight=1, version=""))
    assert source_of(plain).sha256 == source_of(written_out).sha256
    assert source_of(plain).sha256 != source_of(a_route("r", deadline="1s")).sha256
    assert source_of(broken("r")).sha256 == ""


def test_a_broken_route_keeps_its_last_good_form():
    before = compile_all(DEMO, [a_runtime(), a_route("r"), a_route("other")])
    after = edit(before, broken("r"))
    assert after.encoded == before.encoded
    assert said(after, "r") == [
        (Reason.INVALID, "spec.runtimeRef", True),
        (Reason.INVALID, "spec.model", True),
        (Reason.INVALID, "spec.backends", True),
        (Reason.INVALID, "spec.nonsense", True),
    ]
    assert after.has_errors


def test_a_broken_route_without_a_last_good_form_is_absent():
    state = compile_all(DEMO, [a_runtime(), broken("r"), a_route("other")])
    assert set(routes_of(state)) == {"other"}
    assert not any(last_good for _, _, last_good in said(state, "r"))


def test_a_restart_finds_last_good_forms_in_the_last_snapshot():
    before = compile_all(DEMO, [a_runtime(), a_route("r")])
    restarted = compile_all(DEMO, [broken("demo", "RuntimeDeployment"), broken("r")], snapshot_of(before))
    assert restarted.encoded == before.encoded
    assert restarted.diagnostics[RUNTIME_REF][0].last_good


def test_a_correction_clears_what_was_said():
    state = edit(compile_all(DEMO, [a_runtime(), a_route("r")]), broken("r"))
    state = edit(state, a_route("r", deadline="1s"))
    assert said(state, "r") == []
    assert routes_of(state)["r"].deadline_ms == 1000


@pytest.mark.parametrize(
    ("backend", "reason", "field"),
    [
        (a_backend(pool="gone"), Reason.POOL_NOT_FOUND, "spec.backends[1].pool"),
        (a_backend(model="gone"), Reason.MODEL_NOT_FOUND, "spec.backends[1].model"),
    ],
)
def test_a_new_spec_that_does_not_resolve_leaves_the_last_good_form(backend, reason, field):
    before = compile_all(DEMO, [a_runtime(), a_route("r")])
    after = edit(before, a_route("r", a_backend(), backend))
    assert after.encoded == before.encoded
    assert said(after, "r") == [(reason, field, True)]


def test_a_first_spec_that_does_not_resolve_keeps_the_share_of_what_is_missing():
    state = compile_all(DEMO, [a_runtime(), a_route("r", a_backend(weight=3), a_backend(pool="gone", weight=1))])
    resolved = {backend.pool: (backend.weight, backend.resolved) for backend in routes_of(state)["r"].backends}
    assert resolved == {"p": (3, True), "gone": (1, False)}
    assert said(state, "r") == [(Reason.POOL_NOT_FOUND, "spec.backends[1].pool", False)]


def test_a_target_that_vanishes_keeps_its_share_until_it_is_back():
    both = a_runtime(a_pool("p"), a_pool("q"))
    before = compile_all(DEMO, [both, a_route("r", a_backend("p"), a_backend("q")), a_route("s", a_backend("p"))])
    without = edit(before, a_runtime(a_pool("p")))
    assert [backend.resolved for backend in routes_of(without)["r"].backends] == [True, False]
    assert routes_of(without)["s"] == routes_of(before)["s"]
    assert edit(without, both).encoded == before.encoded


def test_a_last_good_form_that_no_longer_resolves_gives_way_to_the_spec():
    both = a_runtime(a_pool("p"), a_pool("q"))
    state = compile_all(DEMO, [both, a_route("r", a_backend("q"))])
    state = edit(state, a_route("r", a_backend("gone")))
    assert [backend.pool for backend in routes_of(state)["r"].backends] == ["q"]
    state = edit(state, a_runtime(a_pool("p")))
    assert [(backend.pool, backend.resolved) for backend in routes_of(state)["r"].backends] == [("gone", False)]


def test_the_older_route_serves_a_model_and_the_younger_is_told():
    old = a_route("z", model="x", created="2026-01-01T00:00:00Z")
    young = a_route("a", model="x", created="2026-02-01T00:00:00Z")
    state = compile_all(DEMO, [a_runtime(), young, old])
    assert set(routes_of(state)) == {"z"}
    (diagnostic,) = state.diagnostics[route_ref("a")]
    assert (diagnostic.reason, diagnostic.field) == (Reason.CONFLICT, "spec.model")
    assert "ModelRoute default/z" in diagnostic.message
    assert set(routes_of(edit(state, delete=[route_ref("z")]))) == {"a"}


def test_without_times_of_creation_the_first_name_serves():
    state = compile_all(DEMO, [a_runtime(), a_route("b", model="x"), a_route("a", model="x")])
    assert set(routes_of(state)) == {"a"}


def test_versions_of_one_model_are_no_conflict():
    routes = [a_route(f"r{version}", model="x", version=version) for version in ("", "1", "2")]
    assert set(routes_of(compile_all(DEMO, [a_runtime(), *routes]))) == {"r", "r1", "r2"}


def test_a_last_good_form_whose_model_went_to_an_older_route_is_let_go():
    state = compile_all(DEMO, [a_runtime(), a_route("r", model="x", created="2026-02-01T00:00:00Z")])
    state = edit(state, broken("r", creationTimestamp="2026-02-01T00:00:00Z"))
    assert set(routes_of(state)) == {"r"}
    state = edit(state, a_route("older", model="x", created="2026-01-01T00:00:00Z"))
    assert set(routes_of(state)) == {"older"}
    assert {last_good for _, _, last_good in said(state, "r")} == {False}


def test_a_broken_route_holds_its_model_against_younger_ones():
    state = compile_all(DEMO, [a_runtime(), a_route("r", model="x", created="2026-01-01T00:00:00Z")])
    state = edit(state, broken("r", creationTimestamp="2026-01-01T00:00:00Z"))
    state = edit(state, a_route("a", model="x", created="2026-02-01T00:00:00Z"))
    assert set(routes_of(state)) == {"r"}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (a_model("n", decoupled=True), "decoupled is true"),
        (a_model("n", inputs=[a_tensor("IN", "INT8")]), "input IN is INT8[-1]"),
        (a_model("n", outputs=[a_tensor("OUT", shape=(2,))]), "output OUT is FP32[2]"),
        (a_model("n", outputs=[a_tensor("OTHER")]), "output OUT is absent"),
    ],
)
def test_backends_of_one_route_agree_on_the_contract(other, what):
    runtime = a_runtime(a_pool("p", a_model("m"), other))
    state = compile_all(DEMO, [runtime, a_route("r", a_backend(), a_backend(model="n"))])
    assert routes_of(state) == {}
    (diagnostic,) = state.diagnostics[route_ref("r")]
    assert (diagnostic.reason, diagnostic.field) == (Reason.CONTRACT_MISMATCH, "spec.backends[1].model")
    assert what in diagnostic.message


def test_a_contract_that_is_not_declared_agrees_with_any():
    runtime = a_runtime(a_pool("p", a_model("m"), {"name": "open"}))
    state = compile_all(DEMO, [runtime, a_route("r", a_backend(), a_backend(model="open"))])
    assert not state.diagnostics


def test_a_pool_that_changes_its_contract_does_not_take_a_served_route_out():
    before = compile_all(
        DEMO, [a_runtime(a_pool("p", a_model("m"), a_model("n"))), a_route("r", a_backend(), a_backend(model="n"))]
    )
    after = edit(before, a_runtime(a_pool("p", a_model("m"), a_model("n", decoupled=True))))
    assert routes_of(after)["r"] == routes_of(before)["r"]
    assert said(after, "r") == [(Reason.CONTRACT_MISMATCH, "spec.backends[1].model", True)]


def test_a_route_that_names_another_runtime_is_told():
    state = compile_all(DEMO, [a_runtime(), a_route("r", runtime="other"), a_route("s")])
    assert set(routes_of(state)) == {"s"}
    assert said(state, "r") == [(Reason.RUNTIME_NOT_FOUND, "spec.runtimeRef.name", False)]


def test_without_a_runtime_there_is_no_snapshot_and_it_comes_back_with_one():
    before = compile_all(DEMO, [a_runtime(), a_route("r")])
    gone = edit(before, delete=[RUNTIME_REF])
    assert gone.encoded is None
    assert said(gone, "r") == [(Reason.RUNTIME_NOT_FOUND, "spec.runtimeRef.name", False)]
    with pytest.raises(ValueError, match="has no snapshot"):
        gone.provenance()
    with pytest.raises(ValueError, match="has no snapshot"):
        gone.snapshot()
    assert edit(gone, a_runtime()).encoded == before.encoded


def test_a_broken_runtime_keeps_its_last_good_form():
    before = compile_all(DEMO, [a_runtime(), a_route("r")])
    after = edit(before, broken("demo", "RuntimeDeployment"), a_route("s"))
    assert set(routes_of(after)) == {"r", "s"}
    assert all(one.last_good for one in after.diagnostics[RUNTIME_REF])


@pytest.mark.parametrize(
    ("route", "reason", "field"),
    [
        (a_route("r", affinity={"header": "k"}), Reason.AFFINITY_UNUSED, "spec.affinity.header"),
        (
            a_route("r", a_backend(), a_backend(version="2", weight=0), affinity={"header": "k"}),
            Reason.AFFINITY_UNUSED,
            "spec.affinity.header",
        ),
        (a_route("r", deadline="10m"), Reason.DEADLINE_CAPPED, "spec.deadline"),
    ],
)
def test_what_has_no_effect_is_a_warning_and_the_rest_is_served(route, reason, field):
    state = compile_all(DEMO, [a_runtime(), route])
    assert said(state, "r") == [(reason, field, False)]
    assert {one.severity for one in state.diagnostics[route_ref("r")]} == {Severity.WARNING}
    assert set(routes_of(state)) == {"r"}
    assert not state.has_errors


def test_a_warning_follows_the_limit_that_it_is_about():
    before = compile_all(DEMO, [a_runtime(), a_route("r", deadline="10m")])
    assert said(edit(before, a_runtime(limits={"maxDeadline": "20m"})), "r") == []


def test_weight_0_is_fine():
    assert not compile_all(DEMO, [a_runtime(), a_route("r", a_backend(), a_backend(version="2", weight=0))]).diagnostics


def test_a_pool_that_is_too_large_keeps_its_runtime_as_it_was():
    tensors = [a_tensor(f"{index}" + "t" * 100) for index in range(64)]
    models = [a_model(f"m{index}", inputs=tensors, outputs=[]) for index in range(40)]
    before = compile_all(DEMO, [a_runtime(), a_route("r")])
    after = edit(before, a_runtime(a_pool("p", *models)))
    (diagnostic,) = after.diagnostics[RUNTIME_REF]
    assert after.encoded == before.encoded
    assert (diagnostic.reason, diagnostic.field, diagnostic.last_good) == (Reason.TOO_LARGE, "spec.pools[0]", True)
    assert str(MAX_SHARD_BYTES) in diagnostic.message


def test_every_diagnostic_says_what_to_do():
    state = compile_all(
        DEMO,
        [
            a_runtime(a_pool("p", a_model("m"), a_model("n", decoupled=True))),
            broken("a"),
            a_route("b", runtime="other"),
            a_route("c", a_backend("gone")),
            a_route("d", a_backend(model="gone")),
            a_route("e", a_backend(), a_backend(model="n")),
            a_route("f", model="x", created="2026-01-01T00:00:00Z"),
            a_route("g", model="x", affinity={"header": "k"}, deadline="10m"),
            a_route("h", namespace="team"),
        ],
    )
    found = [one for said in state.diagnostics.values() for one in said]
    assert {one.reason for one in found} == set(Reason) - {Reason.TOO_LARGE}
    assert all(one.message and one.remedy and one.field and one.source.name for one in found)


def test_the_compile_of_one_runtime_takes_no_other():
    with pytest.raises(ValueError, match="not the runtime default/demo"):
        compile_all(DEMO, [a_runtime(name="other")])
    last = snapshot_of(compile_all(DEMO, [a_runtime()]))
    with pytest.raises(ValueError, match="not of default/other"):
        blank("default/other", last)


def test_one_edited_route_among_many_rewrites_one_shard_and_shares_the_rest():
    routes = [a_route(f"r{index}", affinity={"header": "session-id"}) for index in range(1500)]
    before = compile_all(DEMO, [a_runtime(), *routes])
    after = edit(before, a_route("r7", deadline="1s"))
    old, new = before.encoded.shards, after.encoded.shards
    assert len(old) > 1
    assert len(new) == len(old)
    assert len(new.keys() - old.keys()) == 1
    leaves = {id(leaf) for _, leaf in trie.leaves(before.root)}
    assert sum(id(leaf) not in leaves for _, leaf in trie.leaves(after.root)) == 1


def test_added_routes_change_one_shard_each_or_split_it():
    state = compile_all(DEMO, [a_runtime()])
    splits = 0
    for index in range(900):
        after = edit(state, a_route(f"r{index}", affinity={"header": "session-id"}))
        fresh = after.encoded.shards.keys() - state.encoded.shards.keys()
        splits += len(fresh) == 2
        assert len(fresh) <= 2
        assert len(fresh) == 1 or len(after.encoded.shards) == len(state.encoded.shards) + 1
        state = after
    assert splits == len(state.encoded.shards) - 1


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from compiler_resources import *
from fourplane_compiler.compilation import compile_all
names = {"a", "b", "c", "d", "e"}
routes = [a_route(name, a_backend("p"), a_backend("gone"), model=name.strip("de") or "x") for name in names]
state = compile_all("default/demo", [*routes, a_runtime(a_pool("p"), a_pool("q")), broken("y")])
print(state.encoded, sorted(state.diagnostics.items()), state.provenance(), list(names))
"""


def test_every_process_makes_the_same_bytes():
    folder = str(Path(__file__).parent)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, folder],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4711")
    }
    orders = {output.rpartition("[")[2] for output in outputs}
    assert len(orders) > 1, "the seeds must differ in the order of a set"
    (compiled,) = {output.rpartition("[")[0] for output in outputs}
    assert "sha256:" in compiled
