"""What machines write: payloads are those of the contract, names follow from content, and updates go forward alone."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fourplane_api as api
from fourplane_api import published, report
from fourplane_wire import manifest as wire_manifest
from fourplane_wire.activation import decode_activation
from fourplane_wire.canonical import digest_of
from fourplane_wire.envelopes import decode_signed_activation, decode_signed_manifest
from fourplane_wire.manifest import decode_manifest
from fourplane_wire.snapshot import decode_snapshot

EXAMPLES = Path(__file__).resolve().parents[3] / "crds/examples/valid"
ONE = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64


def document(name):
    return api.load((EXAMPLES / f"{name}.yaml").read_text())[0]


def example(name):
    return api.parse_machine(document(name))


def changed(name, **spec):
    found = document(name)
    return api.parse_machine(found | {"spec": found["spec"] | spec})


def an_activation(epoch, sequence, stable=ONE, **spec):
    decision = {"epoch": epoch, "sequence": sequence, "stable": stable, "stableShort": api.short_form(stable)}
    return changed("activation-minimal", **decision, **spec)


def refusals(new, old):
    with pytest.raises(api.InvalidResourceError) as caught:
        api.check_machine_update(new, old)
    assert {problem.field for problem in caught.value.problems} == {"spec"}
    return tuple(problem.message for problem in caught.value.problems)


def test_a_snapshot_and_its_shard_hold_what_a_state_folder_holds():
    shard, snapshot = example("shard-full").spec, example("snapshot-full").spec
    assert sha256(shard.payload).hexdigest() == shard.sha256
    signed = decode_signed_manifest(snapshot.manifest_payload)
    manifest = decode_manifest(signed.payload)
    assert digest_of(signed.payload) == snapshot.digest
    assert (manifest.runtime, manifest.contract_version) == (snapshot.runtime, snapshot.contract_version)
    assert tuple(ref.sha256 for ref in manifest.shards) == snapshot.shards
    [ref] = manifest.shards
    assert (ref.size_bytes, ref.entries) == (shard.size_bytes, shard.entries)
    assert decode_snapshot(signed.payload, {shard.sha256: shard.payload}).snapshot.digest == snapshot.digest


def test_a_snapshot_without_provenance_has_none():
    assert example("snapshot-minimal").spec.provenance_payload == b""
    assert example("snapshot-full").spec.provenance_payload


@pytest.mark.parametrize("name", ["activation-minimal", "activation-full"])
def test_an_activation_says_what_its_bytes_say(name):
    spec = example(name).spec
    decided = decode_activation(decode_signed_activation(spec.payload).payload)
    assert (decided.runtime, decided.epoch, decided.sequence) == (spec.runtime, spec.epoch, spec.sequence)
    assert (decided.stable, decided.previous or "") == (spec.stable, spec.previous)


def test_a_report_without_news_has_the_stated_defaults():
    spec = example("report-minimal").spec
    assert spec.acknowledged is report.NOTHING_ACKNOWLEDGED
    assert spec.rejections == ()
    assert example("report-full").spec.rejections[0].source is report.NO_SOURCE


def test_every_shard_of_the_contract_fits():
    assert published.MAX_SHARD_BYTES == wire_manifest.MAX_SHARD_BYTES


def test_the_name_of_an_object_is_its_digest_without_a_colon():
    assert api.object_name(ONE) == "sha256-" + "1" * 64
    assert api.short_form(ONE) == "1" * 12
    assert api.short_form("") == ""


@pytest.mark.parametrize("digest", ["", "sha256:", "1" * 64, ONE[:-1], ONE + "1", ONE + "\n", "sha512:" + "1" * 64])
def test_what_is_no_digest_names_no_object(digest):
    with pytest.raises(ValueError, match="is no digest"):
        api.object_name(digest)


@pytest.mark.parametrize("kind", api.MACHINE_KINDS)
def test_among_the_resources_of_users_they_are_refused(kind):
    found = {"apiVersion": api.API_VERSION, "kind": kind, "metadata": {"name": "x"}, "spec": {}}
    with pytest.raises(api.InvalidResourceError, match="must be RuntimeDeployment or ModelRoute"):
        api.parse(found)


def test_a_route_is_nothing_that_a_machine_writes():
    with pytest.raises(api.InvalidResourceError, match="Unsupported value"):
        api.parse_machine(document("route-minimal"))


@pytest.mark.parametrize(("name", "change"), [("shard-full", {"entries": 9}), ("snapshot-full", {"shards": []})])
def test_what_is_named_after_its_content_cannot_be_changed(name, change):
    api.check_machine_update(example(name), example(name))
    assert refusals(changed(name, **change), example(name)) == (published.FROZEN.message,)


def test_a_newer_decision_and_another_signature_replace_an_activation():
    old = an_activation(3, 7)
    for new in (an_activation(3, 8, OTHER), an_activation(4, 1, OTHER), an_activation(3, 7, activation="AAAA")):
        api.check_machine_update(new, old)


def test_an_activation_neither_goes_back_nor_decides_twice_nor_moves():
    old = an_activation(3, 7)
    assert refusals(an_activation(3, 6), old) == (published.NEVER_BACK.message,)
    assert refusals(an_activation(2, 9), old) == (published.NEVER_BACK.message,)
    assert refusals(an_activation(3, 7, OTHER), old) == (published.ONE_DECISION_EACH.message,)
    assert refusals(an_activation(3, 7, previous=OTHER), old) == (published.ONE_DECISION_EACH.message,)
    assert refusals(an_activation(3, 8, runtime="elsewhere/shop"), old) == (published.RUNTIME_STAYS.message,)


def test_a_report_may_be_changed_at_will():
    api.check_machine_update(changed("report-minimal", workerVersion="0.2.0"), example("report-minimal"))


@given(st.integers(0, 1024), st.integers(0, 1024))
def test_processes_are_summed_up_as_the_rule_wants_it(serving, wanted):
    processes = report.Processes.of(serving, wanted)
    assert (processes.serving, processes.wanted, processes.summary) == (serving, wanted, f"{serving}/{wanted}")


@given(st.binary(min_size=1, max_size=200), st.integers(1, 9))
def test_any_shard_is_written_and_read_again(data, entries):
    shard = api.ConfigShard.of("shops", data, entries)
    assert api.parse_machine(api.load(api.dump(shard.document()))[0]) == shard
    assert shard.spec.payload == data
    assert shard.metadata.name == f"sha256-{sha256(data).hexdigest()}"


@pytest.mark.parametrize("name", ["shard-full", "snapshot-full", "activation-full", "report-full"])
def test_an_example_is_written_as_it_was_read(name):
    assert example(name).document() == document(name)
