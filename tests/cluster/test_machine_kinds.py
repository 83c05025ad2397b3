"""A real API server keeps what machines write: snapshots stay as they are, activations never go back."""

import base64
import copy
import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml
from control_plane import KubectlError

from fourplane_api import object_name, published, short_form

EXAMPLES = Path(__file__).resolve().parents[2] / "crds/examples/valid"
ONE = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64
KINDS = ("shard", "snapshot", "activation", "report")

pytestmark = pytest.mark.usefixtures("definitions")


def example(name):
    return yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())


def changed(document, **spec):
    return document | {"spec": document["spec"] | spec}


def an_activation(epoch, sequence, stable=ONE, **spec):
    decision = {"epoch": epoch, "sequence": sequence, "stable": stable, "stableShort": short_form(stable)}
    return changed(example("activation-minimal"), **decision, **spec)


def create(cluster, namespace, document):
    return cluster.kubectl("create", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(document))


def replace(cluster, namespace, document):
    return cluster.kubectl("replace", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(document))


def text_of(size):
    return base64.b64encode(os.urandom(size)).decode()


def hex_of(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def the_largest_shard():
    data = os.urandom(published.MAX_SHARD_BYTES)
    digest = hashlib.sha256(data).hexdigest()
    spec = {"sha256": digest, "sizeBytes": len(data), "entries": 1, "data": base64.b64encode(data).decode()}
    return example("shard-full") | {"metadata": {"name": object_name(f"sha256:{digest}")}, "spec": spec}


def the_largest_snapshot():
    return changed(
        example("snapshot-full"),
        manifest=text_of(published.MAX_MANIFEST_BYTES),
        shards=[hex_of(number) for number in range(published.MAX_SHARDS)],
        provenance=text_of(published.MAX_PROVENANCE_BYTES),
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("shard-full", {"entries": 9}),
        ("snapshot-full", {"shards": []}),
        ("snapshot-full", {"provenance": "AAAA"}),
        ("snapshot-minimal", {"provenance": "AAAA"}),
    ],
)
def test_a_snapshot_cannot_be_changed(name, change, cluster, namespace):
    document = example(name)
    create(cluster, namespace, document)
    with pytest.raises(KubectlError, match=r"spec: Invalid value: .*snapshots are immutable"):
        replace(cluster, namespace, changed(document, **change))


def test_the_labels_of_a_snapshot_are_free(cluster, namespace):
    document = example("snapshot-full")
    create(cluster, namespace, document)
    labelled = copy.deepcopy(document)
    labelled["metadata"]["labels"] = {"kept": "true"}
    stored = replace(cluster, namespace, labelled)
    assert stored["metadata"]["labels"] == {"kept": "true"}
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize(("epoch", "sequence"), [(2, 9), (3, 6)])
def test_an_activation_never_goes_back(epoch, sequence, cluster, namespace):
    create(cluster, namespace, an_activation(3, 7))
    with pytest.raises(KubectlError, match=r"spec: Invalid value: .*epoch and sequence never go down"):
        replace(cluster, namespace, an_activation(epoch, sequence, OTHER))


@pytest.mark.parametrize(("epoch", "sequence"), [(3, 8), (4, 1)])
def test_a_newer_decision_replaces_an_activation(epoch, sequence, cluster, namespace):
    create(cluster, namespace, an_activation(3, 7))
    stored = replace(cluster, namespace, an_activation(epoch, sequence, OTHER, previous=ONE))
    assert (stored["spec"]["stable"], stored["spec"]["previous"]) == (OTHER, ONE)


def test_another_decision_takes_another_sequence(cluster, namespace):
    create(cluster, namespace, an_activation(3, 7))
    with pytest.raises(KubectlError, match="another decision takes a higher sequence or epoch"):
        replace(cluster, namespace, an_activation(3, 7, OTHER))


def test_the_same_decision_may_be_signed_anew(cluster, namespace):
    create(cluster, namespace, an_activation(3, 7))
    assert replace(cluster, namespace, an_activation(3, 7, activation="AAAA"))["spec"]["activation"] == "AAAA"


def test_an_activation_stays_with_its_runtime(cluster, namespace):
    create(cluster, namespace, an_activation(3, 7))
    with pytest.raises(KubectlError, match="an activation cannot be given to another runtime"):
        replace(cluster, namespace, an_activation(4, 1, runtime="elsewhere/shop"))


def test_of_two_writers_with_the_same_resource_version_one_loses(cluster, namespace):
    stored = create(cluster, namespace, an_activation(3, 7))
    newer = changed(stored, sequence=8)
    replace(cluster, namespace, newer)
    with pytest.raises(KubectlError, match="the object has been modified"):
        replace(cluster, namespace, newer)


def test_the_largest_shard_is_taken_and_one_that_is_larger_is_not(cluster, namespace):
    shard = the_largest_shard()
    assert create(cluster, namespace, shard)["spec"] == shard["spec"]
    with pytest.raises(KubectlError, match=r"spec\.data: Too long"):
        create(cluster, namespace, changed(shard, data=text_of(published.MAX_SHARD_BYTES + 3)))


def test_the_largest_snapshot_is_taken_and_applied_anew(cluster, namespace):
    snapshot = the_largest_snapshot()
    stored = cluster.apply(json.dumps(snapshot), namespace=namespace)
    assert stored["spec"] == snapshot["spec"]
    assert cluster.apply(json.dumps(snapshot), namespace=namespace) == stored
    one_more = changed(snapshot, shards=[*snapshot["spec"]["shards"], hex_of("one more")])
    with pytest.raises(KubectlError, match=r"spec\.shards: Too many"):
        create(cluster, namespace, one_more)


def test_a_report_changes_as_a_whole(cluster, namespace):
    report = example("report-full")
    create(cluster, namespace, report)
    calm = copy.deepcopy(report)
    del calm["spec"]["rejections"], calm["spec"]["acknowledged"]
    stored = replace(cluster, namespace, calm)
    assert stored["spec"] == calm["spec"]
    assert "status" not in stored


def test_people_see_machine_written_objects_by_a_category_of_their_own(cluster, namespace):
    for kind in KINDS:
        create(cluster, namespace, example(f"{kind}-full"))
    printed = cluster.kubectl_text("get", "fourplane-internal", f"--namespace={namespace}")
    tables = [[line.split()[:-1] for line in part.splitlines()] for part in printed.strip().split("\n\n")]
    shard, snapshot, activation, report = (example(f"{kind}-full") for kind in KINDS)
    short = activation["spec"]["stableShort"]
    size = str(shard["spec"]["sizeBytes"])
    assert sorted(tables) == [
        [
            ["NAME", "DIGEST", "EPOCH", "SEQUENCE"],
            ["runtimeactivation.fourplane.dev/shop", short, "3", "7"],
        ],
        [
            ["NAME", "ENTRIES", "BYTES"],
            [f"configshard.fourplane.dev/{shard['metadata']['name']}", "3", size],
        ],
        [
            ["NAME", "RUNTIME"],
            [f"configsnapshot.fourplane.dev/{snapshot['metadata']['name']}", "default/shop"],
        ],
        [
            ["NAME", "RUNTIME", "DIGEST", "PROCESSES", "REJECTED"],
            [
                *(f"workerreport.fourplane.dev/{report['metadata']['name']}", "default/shop"),
                *(short, "1/2", "SignatureInvalid"),
            ],
        ],
    ]
    assert "No resources found" not in printed


def test_the_category_of_users_leaves_them_out(cluster, namespace):
    create(cluster, namespace, example("shard-full"))
    assert "configshard" not in cluster.kubectl_text("get", "fourplane", f"--namespace={namespace}")


@pytest.mark.parametrize(("short", "kind"), list(zip(("csh", "csnap", "ract", "wrep"), KINDS, strict=True)))
def test_short_names_find_them(short, kind, cluster, namespace):
    document = example(f"{kind}-full")
    create(cluster, namespace, document)
    [found] = cluster.kubectl("get", short, f"--namespace={namespace}")["items"]
    assert found["kind"] == document["kind"]
