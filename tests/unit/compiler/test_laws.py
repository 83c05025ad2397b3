"""Laws of the compiler: order has no effect, edits land on the bytes of a full compile, nobody harms another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_api import InvalidResourceError, parse
from fourplane_compiler.compilation import blank, compile_all, compile_runtime
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import ROUTE, RUNTIME, Broken, Changes, ref_of
from fourplane_wire import trie
from fourplane_wire.snapshot import decode_snapshot

API = "fourplane.dev/v1alpha1"
POOLS, MODELS, PUBLIC = ("p", "q"), ("m", "n"), ("x", "y")
NAMES = [f"{namespace}/r{index}" for namespace in ("default", "team") for index in range(3)]
ALLOWED = (
    {"from": "Same"},
    {"from": "All"},
    {"from": "Names", "names": ["team"]},
    {"from": "Names", "names": ["other"]},
)


def tensor(datatype):
    return {"name": "T", "datatype": datatype, "shape": [-1]}


@st.composite
def runtimes(draw):
    if draw(st.integers(0, 3)) == 0:
        return broken("RuntimeDeployment", "demo")
    pools = [
        {
            "name": pool,
            "triton": {
                "endpoints": [f"{pool}:8001"],
                "models": [
                    {"name": model, "outputs": [tensor(draw(st.sampled_from(("FP32", "FP32", "INT8"))))]}
                    for model in draw(st.lists(st.sampled_from(MODELS), min_size=1, unique=True))
                ],
            },
        }
        for pool in draw(st.lists(st.sampled_from(POOLS), min_size=1, unique=True))
    ]
    limits = {"maxDeadline": draw(st.sampled_from(("1s", "1m")))}
    allowed = {"namespaces": draw(st.sampled_from(ALLOWED))}
    return resource("RuntimeDeployment", "demo", {"pools": pools, "limits": limits, "allowedRoutes": allowed})


@st.composite
def routes(draw):
    name = draw(st.sampled_from(NAMES))
    created = draw(st.sampled_from((None, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")))
    if draw(st.integers(0, 4)) == 0:
        return broken("ModelRoute", name, created or "")
    backends = draw(
        st.lists(st.tuples(st.sampled_from(POOLS), st.sampled_from(MODELS)), min_size=1, max_size=3, unique=True)
    )
    spec = {
        "runtimeRef": draw(
            st.sampled_from((*[{"name": "demo", "namespace": "default"}] * 3, {"name": "demo"}, {"name": "other"}))
        ),
        "model": {"name": draw(st.sampled_from(PUBLIC))},
        "backends": [{"pool": pool, "model": model, "weight": draw(st.integers(1, 2))} for pool, model in backends],
        "deadline": draw(st.sampled_from(("1s", "5s"))),
    }
    return resource("ModelRoute", name, spec, created)


def resource(kind, name, spec, created=None):
    return parse(document(kind, name, spec, created))


def document(kind, name, spec, created):
    namespace, _, name = name.rpartition("/")
    metadata = {"name": name, "namespace": namespace or "default", "creationTimestamp": created}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def broken(kind, name, created=""):
    written = document(kind, name, {"nonsense": 1}, created)
    with pytest.raises(InvalidResourceError) as found:
        parse(written)
    return Broken.of(found.value, written)


deletions = st.one_of(
    st.sampled_from(NAMES).map(lambda name: SourceRef(ROUTE, name)),
    st.just(SourceRef(RUNTIME, "default/demo")),
)
steps = st.lists(st.one_of(routes(), routes(), routes(), runtimes(), deletions), min_size=1, max_size=3)


def changes_of(step):
    """Take a step's edits, the last one of each resource."""
    last = {one if isinstance(one, SourceRef) else ref_of(one): one for one in step}
    return Changes(
        upserts=tuple(one for one in last.values() if not isinstance(one, SourceRef)),
        deletes=tuple(one for one in last.values() if isinstance(one, SourceRef)),
    )


def snapshot_of(compilation):
    encoded = compilation.encoded
    return decode_snapshot(encoded.manifest, encoded.shards).snapshot if encoded else None


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, min_size=1, max_size=6))
def test_an_incremental_compile_lands_on_the_bytes_and_diagnostics_of_a_full_one(edits):
    state, sources, good = blank("default/demo"), {}, None
    for step in edits:
        changes = changes_of(step)
        state = compile_runtime(state, changes)
        for ref in changes.deletes:
            sources.pop(ref, None)
        sources |= {ref_of(one): one for one in changes.upserts}
        full = compile_all("default/demo", sources.values(), good)
        assert full.encoded == state.encoded
        assert full.diagnostics == state.diagnostics
        if state.encoded:
            assert full.provenance() == state.provenance()
            good = snapshot_of(state)


@settings(max_examples=100, deadline=None)
@given(st.lists(routes(), max_size=6, unique_by=lambda one: ref_of(one).name), runtimes(), st.randoms())
def test_the_order_of_resources_has_no_effect(several, runtime, random):
    resources = [runtime, *several]
    shuffled = random.sample(resources, len(resources))
    one, other = compile_all("default/demo", resources), compile_all("default/demo", shuffled)
    assert one.encoded == other.encoded
    assert one.diagnostics == other.diagnostics


@settings(max_examples=100, deadline=None)
@given(st.lists(routes(), max_size=6, unique_by=lambda one: ref_of(one).name), runtimes())
def test_a_route_that_breaks_changes_no_entry_of_another(several, runtime):
    before = compile_all("default/demo", [runtime, *several])
    for victim in several:
        name = ref_of(victim).name
        after = compile_runtime(before, Changes(upserts=(broken("ModelRoute", name),)))
        for other in several:
            mine = f"route/{ref_of(other).name}"
            held = trie.get(before.root, mine)
            # A younger route may take over what the broken one lost in time of creation; it never loses its own.
            if other is not victim and held is not None:
                assert trie.get(after.root, mine) == held


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=1, max_size=6))
def test_no_route_of_a_namespace_that_is_known_not_to_be_permitted_is_served(edits):
    state, runtime = blank("default/demo"), None
    for step in edits:
        changes = changes_of(step)
        state = compile_runtime(state, changes)
        runtime = next((one for one in changes.upserts if ref_of(one).kind == RUNTIME), runtime)
        if SourceRef(RUNTIME, "default/demo") in changes.deletes:
            runtime = None
        if state.encoded and not isinstance(runtime, Broken):
            allowed = runtime.spec.allowed_routes.namespaces
            served = {route.name.partition("/")[0] for route in snapshot_of(state).routes}
            assert served <= {"default", *(("team",) if allowed.origin == "All" else allowed.names)}
