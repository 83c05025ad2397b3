"""Snapshots: what is encoded is what is decoded, and nothing else is taken."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshot_values import a_backend, a_model, a_pool, a_route, a_runtime, a_tensor, snapshots

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_core.control.snapshot import DataType
from fourplane_wire import trie
from fourplane_wire.entries import encode_entry, entry_key
from fourplane_wire.errors import ContractVersionError, SnapshotInvalidError
from fourplane_wire.manifest import Manifest, ShardRef, decode_manifest, encode_manifest
from fourplane_wire.snapshot import decode_entry, decode_shard, decode_snapshot, encode_snapshot


def decode(encoded):
    return decode_snapshot(encoded.manifest, encoded.shards)


def by_name(values):
    return sorted(values, key=lambda value: value.name)


@settings(max_examples=200, deadline=None)
@given(snapshots())
def test_what_is_encoded_is_what_is_decoded(values):
    runtime, pools, routes = values
    encoded = encode_snapshot(runtime, pools, routes)
    snapshot = decode(encoded).snapshot
    assert snapshot.digest == encoded.digest
    assert snapshot.runtime == runtime
    assert by_name(snapshot.pools) == by_name(pools)
    assert by_name(snapshot.routes) == by_name(routes)


@settings(max_examples=100, deadline=None)
@given(snapshots(), st.randoms())
def test_the_order_of_values_has_no_effect(values, random):
    runtime, pools, routes = values
    other = encode_snapshot(runtime, random.sample(pools, len(pools)), random.sample(routes, len(routes)))
    assert other == encode_snapshot(runtime, pools, routes)


@given(snapshots())
def test_each_entry_is_decoded_on_its_own(values):
    runtime, pools, routes = values
    for value in (runtime, *pools, *routes):
        assert decode_entry(encode_entry(value)) == value


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 40), st.sampled_from((None, 1, 20_000, 50_000, 70_000))), max_size=6))
def test_a_trie_is_a_function_of_its_content(edits):
    grown, content = trie.EMPTY, {}
    for edit in edits:
        changes = {f"k{key}": None if size is None else f"k{key}".encode() * size for key, size in edit.items()}
        grown = trie.update(grown, changes)
        content = {key: data for key, data in (content | changes).items() if data is not None}
        built = trie.update(trie.EMPTY, content)
        assert [ref for ref, _ in trie.leaves(grown)] == [ref for ref, _ in trie.leaves(built)]
        assert all(trie.get(grown, key) == data for key, data in content.items())
        for ref, leaf in trie.leaves(grown):
            assert ref.size_bytes <= trie.LEAF_BYTES or ref.entries == 1
            assert all(trie.is_below(item.path, ref.prefix) for item in leaf.items)


def many(count):
    """Enough routes for several shards."""
    return [a_route(f"route-{index}", affinity_header="x" * 60) for index in range(count)]


def test_one_changed_route_rewrites_one_shard():
    routes = many(2000)
    before = encode_snapshot(a_runtime(), [a_pool()], routes)
    routes[7] = replace(routes[7], deadline_ms=5)
    after = encode_snapshot(a_runtime(), [a_pool()], routes)
    assert len(before.shards) > 3
    assert len(after.shards.keys() - before.shards.keys()) == 1
    assert after.digest != before.digest


def test_a_swap_reuses_the_values_of_shards_that_did_not_change():
    routes = many(2000)
    before = encode_snapshot(a_runtime(), [a_pool()], routes)
    first = decode(before)
    after = encode_snapshot(a_runtime(), [a_pool()], [*routes[1:], replace(routes[0], deadline_ms=5)])
    new = {name: data for name, data in after.shards.items() if name not in before.shards}
    second = decode_snapshot(after.manifest, new, first.parts)
    kept = {id(route) for route in first.snapshot.routes}
    assert len(new) == 1
    assert sum(id(route) in kept for route in second.snapshot.routes) > 1000
    assert second.snapshot == decode(after).snapshot


def test_a_reused_shard_must_still_be_in_its_place():
    encoded = encode_snapshot(a_runtime(), [a_pool()], [a_route()])
    ref = decode(encoded).manifest.shards[0]
    elsewhere = encode_manifest(Manifest(runtime="default/demo", shards=(replace(ref, prefix="0" * 9),)))
    with pytest.raises(SnapshotInvalidError, match="does not belong into the shard"):
        decode_snapshot(elsewhere, {}, decode(encoded).parts)


def test_a_missing_shard_is_named():
    encoded = encode_snapshot(a_runtime())
    (name,) = encoded.shards
    with pytest.raises(SnapshotInvalidError, match=f"shard {name} of the manifest is missing"):
        decode_snapshot(encoded.manifest, {})


def test_a_shard_must_have_the_content_that_the_manifest_names():
    encoded = encode_snapshot(a_runtime())
    (name,) = encoded.shards
    data = encoded.shards[name]
    with pytest.raises(SnapshotInvalidError, match="does not have the content"):
        decode_snapshot(encoded.manifest, {name: data[:-1] + bytes([data[-1] ^ 1])})
    with pytest.raises(SnapshotInvalidError, match="the manifest says"):
        decode_snapshot(encoded.manifest, {name: data + b"x"})


def a_shard(*entries):
    """Return a reference to a shard with these entries, and its bytes."""
    data = pb.Shard(entries=entries).SerializeToString(deterministic=True)
    return ShardRef(prefix="", sha256=sha256(data).hexdigest(), size_bytes=len(data), entries=len(entries)), data


def entries_of(*values):
    return [pb.Shard.FromString(encode_entry(value)).entries[0] for value in values]


def test_entries_stand_in_the_order_of_their_keys_each_once():
    first, second = entries_of(a_route("a"), a_route("b"))
    with pytest.raises(SnapshotInvalidError, match="keys are in order, each once"):
        decode_shard(*a_shard(second, first))
    with pytest.raises(SnapshotInvalidError, match="keys are in order, each once"):
        decode_shard(*a_shard(first, first))


def test_a_shard_with_fields_of_another_contract_is_refused():
    ref, data = a_shard(*entries_of(a_route()))
    data += b"\xfa\x01\x01x"
    ref = replace(ref, sha256=sha256(data).hexdigest(), size_bytes=len(data))
    with pytest.raises(SnapshotInvalidError, match="fields that this contract version lacks"):
        decode_shard(ref, data)


def test_a_shard_must_have_as_many_entries_as_the_manifest_says():
    ref, data = a_shard(*entries_of(a_route()))
    with pytest.raises(SnapshotInvalidError, match="has 1 entries; the manifest says 2"):
        decode_shard(replace(ref, entries=2), data)


def test_a_key_must_be_that_of_its_value():
    (entry,) = entries_of(a_route("a"))
    entry.key = "route/default/b"
    with pytest.raises(SnapshotInvalidError, match="whose key is 'route/default/a'"):
        decode_shard(*a_shard(entry))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (a_runtime(name="demo"), "has the form NAMESPACE/NAME"),
        (a_runtime(limits=replace(a_runtime().limits, max_deadline_ms=0)), "limit max_deadline_ms is 0"),
        (replace(a_route(), name="x"), "has the form NAMESPACE/NAME"),
        (a_route(model=""), "public model has no name"),
        (replace(a_route(), backends=()), "no backend"),
        (a_route("r", a_backend(), a_backend()), "stands there twice"),
        (a_route("r", a_backend(pool="")), "lacks its pool"),
        (a_route(affinity_header="Session"), "no metadata key"),
        (a_pool(endpoints=("triton",)), "no HOST:PORT"),
        (a_pool(endpoints=("triton:70000",)), "no HOST:PORT"),
        (a_pool(endpoints=("a:1", "a:1")), "stands there twice"),
        (replace(a_pool(endpoints=()), service="engines"), "no NAME:PORT of a Service"),
        (replace(a_pool(endpoints=()), service="Engines:8001"), "no NAME:PORT of a Service"),
        (replace(a_pool(endpoints=()), service="engines:70000"), "no NAME:PORT of a Service"),
        (replace(a_pool(), service="engines:8001"), "both endpoints and a Service"),
        (a_pool("p/q"), "has a slash"),
        (a_pool("p", a_model(), a_model()), "stands there twice"),
        (a_pool("p", a_model(name="")), "a model has no name"),
        (a_pool("p", a_model(inputs=(a_tensor(), a_tensor()))), "stands there twice"),
        (a_pool("p", a_model(inputs=(a_tensor(name=""),))), "a tensor has no name"),
        (a_pool("p", a_model(inputs=(a_tensor(shape=(-2,)),))), "an extent below -1"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(value, message):
    with pytest.raises(SnapshotInvalidError, match=message):
        decode_entry(encode_entry(value))


def test_an_unknown_datatype_is_refused():
    (entry,) = entries_of(a_pool())
    entry.pool.models[0].inputs[0].datatype = 99
    with pytest.raises(SnapshotInvalidError, match="unknown datatype 99"):
        decode_shard(*a_shard(entry))


def test_two_routes_of_one_public_model_are_refused():
    encoded = encode_snapshot(a_runtime(), [a_pool()], [a_route("a", model="x"), a_route("b", model="x")])
    with pytest.raises(SnapshotInvalidError, match="both serve model 'x'"):
        decode(encoded)


@pytest.mark.parametrize("backend", [a_backend(model="gone"), a_backend(resolved=False)])
def test_a_backend_must_be_as_resolved_as_it_says(backend):
    with pytest.raises(SnapshotInvalidError, match="is said to be"):
        decode(encode_snapshot(a_runtime(), [a_pool()], [a_route("a", backend)]))


def test_the_runtime_must_be_that_of_the_manifest():
    encoded = encode_snapshot(a_runtime())
    ref = decode(encoded).manifest.shards
    with pytest.raises(SnapshotInvalidError, match="do not hold the runtime 'default/other'"):
        decode_snapshot(encode_manifest(Manifest(runtime="default/other", shards=ref)), encoded.shards)


def a_ref(prefix, **changes):
    return ShardRef(**{"prefix": prefix, "sha256": "0" * 64, "size_bytes": 1, "entries": 1} | changes)


@pytest.mark.parametrize(
    "shards",
    [
        (a_ref("1"), a_ref("0")),
        (a_ref("0"), a_ref("0")),
        (a_ref(""), a_ref("0")),
        (a_ref("0"), a_ref("01")),
        (a_ref("2"),),
        (a_ref("0" * 257),),
        (a_ref("0", sha256="00"),),
        (a_ref("0", entries=0),),
        (a_ref("0", size_bytes=0),),
        (a_ref("0", size_bytes=1 << 30),),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused(shards):
    with pytest.raises(SnapshotInvalidError):
        decode_manifest(encode_manifest(Manifest(runtime="default/demo", shards=shards)))


@pytest.mark.parametrize("version", ["2", "0", "", "1.0", "01", "one", "\u0661", "9" * 5000])
def test_another_contract_version_is_refused_with_both_versions(version):
    data = encode_manifest(Manifest(runtime="default/demo", shards=(), contract_version=version))
    with pytest.raises(ContractVersionError, match="this release supports 1") as refused:
        decode_manifest(data)
    assert refused.value.found == version
    assert repr(version) in str(refused.value)


def test_a_newer_contract_version_is_told_apart_from_damage():
    data = encode_manifest(Manifest(runtime="default/demo", shards=(), contract_version="2")) + b"\xfa\x01\x01x"
    with pytest.raises(ContractVersionError):
        decode_manifest(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data):
    for read in (decode_manifest, decode_entry):
        try:
            read(data)
        except (SnapshotInvalidError, ContractVersionError):
            continue


def test_every_datatype_has_its_number():
    assert {f"DATA_TYPE_{kind}" for kind in DataType} == set(pb.DataType.keys()) - {"DATA_TYPE_UNSPECIFIED"}


def test_keys_are_those_of_the_contract():
    assert [entry_key(value) for value in (a_runtime(), a_pool(), a_route())] == [
        "runtime",
        "pool/p",
        "route/default/r",
    ]
