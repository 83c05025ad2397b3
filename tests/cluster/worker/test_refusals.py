"""What is wrong in the API server is rejected with a reason, the last good is served on, and repairs are taken."""

from dataclasses import replace

import pytest
from acting_operator import first_shard, nothing_behind

from fourplane_api import object_name
from fourplane_wire.signing import SigningKey
from fourplane_wire.snapshot import decode_snapshot


def decode_snapshot_of(encoded):
    snapshot = decode_snapshot(encoded.manifest, encoded.shards).snapshot
    return snapshot.runtime, *snapshot.pools, *snapshot.routes


@pytest.fixture
def serving(acting, follow):
    """A worker that serves a first snapshot, and what activated that."""
    worker = follow()
    first = acting.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    return worker, first


def still_serves(worker, first):
    found = worker.report()["acknowledged"]
    assert (found["digest"], found["epoch"]) == (first.stable, first.epoch)
    assert worker.page("/readyz") == "ok\n"


def test_a_corrupted_shard_is_rejected_and_taken_once_it_is_whole(acting, serving):
    worker, first = serving
    encoded = acting.compiled(*nothing_behind("a", "b"))
    sha256, data = first_shard(encoded)
    acting.store(encoded, **{sha256: data[:-1] + bytes([data[-1] ^ 1])})
    second = acting.activate(encoded.digest)
    rejection = worker.rejects("Damaged")
    assert rejection["digest"] == encoded.digest
    assert f"ConfigShard sha256-{sha256}" in rejection["message"]
    still_serves(worker, first)
    assert not worker.state.folder.shard(sha256).exists()
    assert worker.state.folder.manifest(first.stable).exists()
    acting.delete("configshards", f"sha256-{sha256}")
    acting.shard(sha256, data)
    assert "rejections" not in worker.acknowledges(second)


def test_a_missing_shard_is_rejected_and_taken_once_it_is_there(acting, serving):
    worker, first = serving
    encoded = acting.compiled(*nothing_behind("a", "b"))
    sha256, data = first_shard(encoded)
    acting.store(encoded, **{sha256: b""})
    second = acting.activate(encoded.digest)
    assert worker.rejects("Missing")["digest"] == encoded.digest
    still_serves(worker, first)
    acting.shard(sha256, data)
    assert "rejections" not in worker.acknowledges(second)


def test_a_missing_snapshot_is_rejected_by_its_name(acting, serving):
    worker, first = serving
    digest = "sha256:" + "7" * 64
    acting.activate(digest)
    assert f"ConfigSnapshot {object_name(digest)}" in worker.rejects("Missing")["message"]
    still_serves(worker, first)


def test_a_lower_epoch_is_refused_until_a_higher_one_comes(acting, follow):
    worker = follow()
    first = acting.publish(*nothing_behind("a"))
    worker.acknowledges(acting.activate(first.stable, epoch=5, sequence=3))
    acting.delete("runtimeactivations", "shop")  # the API server lets none go down, but a restored etcd does
    second = acting.compiled(*nothing_behind("b"))
    acting.store(second)
    acting.activate(second.digest, epoch=2, sequence=9)
    rejection = worker.rejects("Replayed")
    assert rejection["digest"] == second.digest
    assert worker.report()["acknowledged"]["epoch"] == 5
    assert "rejections" not in worker.acknowledges(acting.activate(second.digest, epoch=6, sequence=1))


def test_an_activation_of_a_stranger_is_refused(acting, serving):
    worker, first = serving
    acting.activate(first.stable, key=SigningKey(b"s" * 32))
    assert worker.rejects("Untrusted")["digest"] == first.stable
    still_serves(worker, first)
    assert worker.refused("Untrusted")["file"] == "RuntimeActivation shop"
    assert worker.metrics().value("fourplane_config_rejected_total", reason="Untrusted") == 1


def test_an_activation_of_a_newer_contract_is_refused(acting, serving):
    worker, first = serving
    acting.activate(first.stable, data=acting.of_a_newer_contract(first.stable))
    assert "upgrade this side first" in worker.rejects("UnsupportedVersion")["message"]
    still_serves(worker, first)
    worker.acknowledges(acting.publish(*nothing_behind("b")))


def test_a_snapshot_of_a_newer_contract_is_refused(acting, serving):
    worker, first = serving
    digest = acting.snapshot_of_a_newer_contract()
    acting.activate(digest)
    assert worker.rejects("UnsupportedVersion")["digest"] == digest
    still_serves(worker, first)


def test_an_activation_of_another_runtime_is_refused(acting, serving):
    worker, first = serving
    acting.activate(first.stable, runtime="elsewhere/shop")
    assert f"this worker follows {acting.runtime}" in worker.rejects("WrongRuntime")["message"]
    still_serves(worker, first)


def test_a_snapshot_that_only_a_whole_look_finds_wrong_is_rejected_by_its_digest(acting, serving):
    worker, first = serving
    digest = acting.snapshot_without_a_runtime()
    acting.activate(digest)
    assert worker.rejects("Damaged")["digest"] == digest
    still_serves(worker, first)
    worker.acknowledges(acting.publish(*nothing_behind("b")))


def test_a_route_that_this_worker_can_not_take_is_named(acting, serving):
    worker, first = serving
    runtime, _, route = decode_snapshot_of(acting.compiled(*nothing_behind("a")))
    acting.activate(acting.snapshot_of_values(runtime, replace(route, backends=())))
    rejection = worker.rejects("Damaged")
    assert rejection["source"] == {"kind": "ModelRoute", "namespace": acting.namespace, "name": "a"}
    still_serves(worker, first)


def test_a_deleted_activation_changes_nothing(acting, serving):
    worker, first = serving
    acting.delete("runtimeactivations", "shop")
    worker.until(lambda status: status["follows"]["offered"] == "", "the deletion is seen")
    still_serves(worker, first)
