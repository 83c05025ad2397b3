"""Files that are damaged, forged or put back: the last good snapshot is served, and it is said why."""

import pytest
from system_load import answers
from system_runtime import RUNTIME, compiled, steady
from system_worker import eventually, kill

from fourplane_wire import canonical
from fourplane_wire.activation import Activation
from fourplane_wire.envelopes import encode_signed_manifest, sign
from fourplane_wire.manifest import Manifest, decode_manifest, encode_manifest
from fourplane_wire.signing import Purpose, SigningKey
from fourplane_worker.store import activations, files, snapshots

STRANGER = SigningKey(b"s" * 32)


def spoil(path):
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def refused(worker, reason, file):
    """Require that something is refused, and said in the status, the metrics and the log; then what is served."""
    said = worker.refused(reason)
    assert said["file"] == str(file) and str(file) in said["message"]
    assert worker.metrics().value("fourplane_config_rejected_total", reason=reason) >= 1
    assert [line for line in worker.logged("refused: ") if line["reason"] == reason and line["file"] == str(file)]
    worker.until(lambda status: status["state"] == "Degraded" and status["ready"], "it serves, and says that it can't")
    return answers(worker.address)


def held_back(state, publish, spoiled):
    """Publish a snapshot, spoil a file of it before any worker sees it, and return its activation."""
    aside = state.folder.root / "aside"
    state.folder.activation.rename(aside)
    activation = publish("right")
    made = state.folder.activation.rename(state.folder.root / "made")
    aside.rename(state.folder.activation)
    spoiled(activation)
    made.rename(state.folder.activation)
    return activation


def shard_of(state, digest):
    return state.folder.shard(snapshots.read_manifest(state.folder, digest, state.keyring).shards[0].sha256)


@pytest.mark.parametrize("restarted", [False, True], ids=["while it runs", "at its start"])
@pytest.mark.parametrize("kind", ["shard", "manifest", "activation"])
def test_what_is_damaged_is_refused_and_the_last_good_snapshot_served(state, publish, start, kind, restarted):
    good = publish("left")
    worker = start("--workers", "2")
    worker.serves()
    if restarted:
        worker.stop()
    whole = {}

    def spoiled(activation):
        places = {
            "shard": lambda: shard_of(state, activation.stable),
            "manifest": lambda: state.folder.manifest(activation.stable),
            "activation": lambda: state.folder.root / "made",
        }
        path = places[kind]()
        whole["place"] = state.folder.activation if kind == "activation" else path
        whole["data"] = path.read_bytes()
        spoil(path)

    newer = held_back(state, publish, spoiled)
    if restarted:
        worker.start()
    reasons = {"Damaged", "Untrusted"}
    status = worker.until(
        lambda status: {each["reason"] for each in status.get("rejected", ())} & reasons and status["ready"], "refused"
    )
    reason = status["rejected"][0]["reason"]
    assert refused(worker, reason, whole["place"]) == {("OK", good.stable)}
    # Whoever repairs it need do nothing else.
    files.write(whole["place"], whole["data"])
    worker.serves(newer)
    assert answers(worker.address) == {("OK", newer.stable)}
    assert worker.until(lambda status: status["state"] == "Ready", "all is well")["rejected"] == []


def test_a_shard_that_is_gone_is_refused(state, publish, start):
    good = publish("left")
    worker = start()
    worker.serves()
    gone = {}

    def spoiled(activation):
        gone["path"] = shard_of(state, activation.stable)
        gone["path"].unlink()

    held_back(state, publish, spoiled)
    assert refused(worker, "Missing", gone["path"]) == {("OK", good.stable)}


def test_a_process_that_is_replaced_while_its_snapshot_is_damaged_takes_no_callers_until_it_is_repaired(
    state, publish, start
):
    activation = publish()
    worker = start("--workers", "2")
    worker.serves()
    path = shard_of(state, activation.stable)
    whole = path.read_bytes()
    spoil(path)
    kill(worker.pids()[0])
    status = worker.until(lambda status: any(each["rejected"] for each in status["processes"]), "it says why")
    assert not status["ready"]
    assert answers(worker.address, 8) == {("OK", activation.stable)}
    files.write(path, whole)
    worker.serves(activation)
    assert answers(worker.address, 8) == {("OK", activation.stable)}


def test_an_old_activation_that_is_put_back_is_refused_also_after_a_restart(state, publish, start):
    publish("left")
    old = state.folder.activation.read_bytes()
    worker = start()
    worker.serves()
    newer = publish("right")
    worker.serves(newer)
    files.write(state.folder.activation, old)
    assert refused(worker, "Replayed", state.folder.activation) == {("OK", newer.stable)}
    worker.stop()
    worker.start()
    assert refused(worker, "Replayed", state.folder.activation) == {("OK", newer.stable)}


def test_what_an_unknown_key_signed_is_refused(state, publish, start, engine):
    good = publish("left")
    worker = start()
    worker.serves()
    forged = compiled(*steady(engine.address, "right"))
    snapshots.write(state.folder, forged, STRANGER)
    decision = Activation(runtime=RUNTIME, epoch=9, sequence=9, stable=forged.digest)
    activations.write(state.folder, decision, STRANGER)
    assert refused(worker, "Untrusted", state.folder.activation) == {("OK", good.stable)}
    activations.write(state.folder, decision, state.key)  # a good decision for what a stranger made
    eventually(lambda: worker.status()["rejected"][0]["file"] == str(state.folder.manifest(forged.digest)), "refused")
    assert refused(worker, "Untrusted", state.folder.manifest(forged.digest)) == {("OK", good.stable)}


def test_a_newer_contract_version_is_refused(state, publish, start, engine):
    good = publish("left")
    worker = start()
    worker.serves()
    encoded = compiled(*steady(engine.address, "right"))
    snapshots.write(state.folder, encoded, state.key)
    known = decode_manifest(encoded.manifest)
    manifest = encode_manifest(Manifest(runtime=known.runtime, shards=known.shards, contract_version="2"))
    digest = canonical.digest_of(manifest)
    path = state.folder.manifest(digest)
    files.write(path, encode_signed_manifest(sign(Purpose.MANIFEST, manifest, [state.key])))
    activations.write(state.folder, Activation(runtime=RUNTIME, epoch=9, sequence=1, stable=digest), state.key)
    assert refused(worker, "UnsupportedVersion", path) == {("OK", good.stable)}
