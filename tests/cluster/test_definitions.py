"""A real API server judges our definitions, and our examples by them."""

import json
import re
from pathlib import Path

import pytest
import yaml
from control_plane import KubectlError

from fourplane_api import API_VERSION, runtime

EXAMPLES = Path(__file__).resolve().parents[2] / "crds/examples"
VALID = sorted((EXAMPLES / "valid").glob("*.yaml"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.yaml"))
STEMS = {"ids": lambda path: path.stem}

# Where kubectl-validate, for which the examples state their messages, says the same in other words.
WORDS = (
    (r"value provided for unknown field", r"unknown field"),
    (r"failed to locate OpenAPI spec for GV: (.+)", r'no matches for kind "ModelRoute" in version "\1"'),
    (r"map\[string\]interface \{\}\{", r"{"),
    (r"may not be longer than (\d+)", r"may not be more than \1 bytes"),
)

RUNTIME = (EXAMPLES / "valid/runtime-minimal.yaml").read_text()
ROUTE = (EXAMPLES / "valid/route-minimal.yaml").read_text()
READY = {
    "type": "Ready",
    "status": "False",
    "reason": "NotApplied",
    "message": "1 of 2 workers run it",
    "lastTransitionTime": "2026-01-31T12:00:05Z",
}
STATUS = {
    "conditions": [READY],
    "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "digestShort": "9f86d081884c",
    "revision": "3.7",
    "applied": "1/2",
    "propagation": "412ms",
}

pytestmark = pytest.mark.usefixtures("definitions")


def expectation(text):
    message = re.search(r"^# expect(?:-crd)?: (.+)$", text, re.MULTILINE)[1]
    for theirs, servers in WORDS:
        message = re.sub(theirs, servers, message)
    return message


def new_object(path):
    """Return an example without what a server adds.

    A server refuses a new object that has a resource version, and gives it a new one each time that an empty list of
    finalizers is applied.
    """
    document = yaml.safe_load(path.read_text())
    for field in ("uid", "namespace", "resourceVersion", "generation", "creationTimestamp", "finalizers"):
        document["metadata"].pop(field, None)
    return document


def has_status(path):
    return "\nstatus:" in path.read_text()


def patch_status(cluster, namespace, kind, name, status):
    patch = json.dumps({"status": status})
    return cluster.kubectl(
        "patch", kind, name, f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={patch}"
    )


@pytest.mark.parametrize("path", VALID, **STEMS)
def test_a_valid_example_is_accepted_and_kept_whole(path, cluster, namespace):
    document = new_object(path)
    stored = cluster.kubectl(
        "create", f"--namespace={namespace}", "--validate=strict", "--filename=-", stdin=json.dumps(document)
    )
    assert contains(stored["spec"], document["spec"])


def contains(stored, given):
    """Tell whether what was given is stored; a null is the same as leaving the field out."""
    if isinstance(given, dict):
        return all(value is None or (key in stored and contains(stored[key], value)) for key, value in given.items())
    if isinstance(given, list):
        return len(given) == len(stored) and all(map(contains, stored, given))
    return stored == given


@pytest.mark.parametrize("path", [p for p in INVALID if not has_status(p) and p.stem != "route-key-twice"], **STEMS)
def test_an_invalid_example_is_refused_for_the_stated_reason(path, cluster):
    with pytest.raises(KubectlError) as refusal:
        cluster.kubectl("create", "--dry-run=server", "--validate=strict", f"--filename={path}")
    assert expectation(path.read_text()) in str(refusal.value)


def test_a_key_that_stands_twice_is_refused_unless_kubectl_drops_it(cluster):
    path = EXAMPLES / "invalid/route-key-twice.yaml"
    collection = "/apis/fourplane.dev/v1alpha1/namespaces/default/modelroutes?dryRun=All&fieldValidation=Strict"
    status, answer = cluster.request("POST", collection, path.read_bytes(), content_type="application/yaml")
    assert status == 400
    assert expectation(path.read_text()) in answer["message"]
    # kubectl reads YAML by itself and sends JSON: the server never sees the first of the two.
    sent = cluster.kubectl("create", "--dry-run=server", "--validate=strict", f"--filename={path}")
    assert sent["spec"]["backends"][0]["weight"] == 2


@pytest.mark.parametrize("path", [p for p in INVALID if has_status(p)], **STEMS)
def test_an_invalid_status_is_refused_for_the_stated_reason(path, cluster, namespace):
    cluster.kubectl("create", f"--namespace={namespace}", f"--filename={path}")  # drops the status
    with pytest.raises(KubectlError) as refusal:
        cluster.kubectl("replace", f"--namespace={namespace}", "--subresource=status", f"--filename={path}")
    assert expectation(path.read_text()) in str(refusal.value)


def test_a_route_stays_with_its_runtime(cluster, namespace):
    cluster.apply(ROUTE, namespace=namespace)
    moved = yaml.safe_load(ROUTE)
    moved["spec"]["runtimeRef"]["name"] = "other"
    message = "a route cannot move to another runtime: create a route there, then delete this one"
    with pytest.raises(KubectlError, match=f"spec.runtimeRef.name: Invalid value: .*{message}"):
        cluster.apply(json.dumps(moved), namespace=namespace)


def test_a_route_stays_in_the_namespace_of_its_runtime(cluster, namespace):
    cluster.apply(ROUTE, namespace=namespace)
    moved = yaml.safe_load(ROUTE)
    moved["spec"]["runtimeRef"]["namespace"] = "elsewhere"
    message = "a route cannot move to another runtime: create a route there, then delete this one"
    with pytest.raises(KubectlError, match=f"spec.runtimeRef: Invalid value: .*{message}"):
        cluster.apply(json.dumps(moved), namespace=namespace)


def test_people_see_why_a_resource_is_not_ready(cluster, namespace):
    cluster.apply(RUNTIME, namespace=namespace)
    cluster.apply(ROUTE, namespace=namespace)
    patch_status(cluster, namespace, "rtd", "shop", STATUS)
    patch_status(cluster, namespace, "mroute", "classifier", {"conditions": [READY]})
    assert table(cluster.kubectl_text("get", "rtd", f"--namespace={namespace}", "--output=wide")) == [
        ["NAME", "READY", "REASON", "DIGEST", "REVISION", "APPLIED", "AGE", "MESSAGE", "PROPAGATION"],
        ["shop", "False", "NotApplied", "9f86d081884c", "3.7", "1/2", "1s", "1 of 2 workers run it", "412ms"],
    ]
    assert table(cluster.kubectl_text("get", "mroute", f"--namespace={namespace}", "--output=wide")) == [
        ["NAME", "MODEL", "RUNTIME", "READY", "REASON", "AGE", "MESSAGE"],
        ["classifier", "classifier", "shop", "False", "NotApplied", "1s", "1 of 2 workers run it"],
    ]


@pytest.mark.parametrize("kinds", ["rtd,mroute", "fourplane", "runtimedeployments,modelroutes"])
def test_short_names_and_the_category_find_both_kinds(kinds, cluster, namespace):
    cluster.apply(RUNTIME, namespace=namespace)
    cluster.apply(ROUTE, namespace=namespace)
    printed = cluster.kubectl_text("get", kinds, f"--namespace={namespace}")
    both = [table(part) for part in printed.strip().split("\n\n")]
    assert sorted(both) == [
        [
            ["NAME", "MODEL", "RUNTIME", "READY", "REASON", "AGE"],
            ["modelroute.fourplane.dev/classifier", "classifier", "shop", "Unknown", "Pending", "1s"],
        ],
        [
            ["NAME", "READY", "REASON", "DIGEST", "REVISION", "APPLIED", "AGE"],
            ["runtimedeployment.fourplane.dev/shop", "Unknown", "Pending", "", "", "", "1s"],
        ],
    ]


def table(text):
    """Return a table's cells; columns begin where the heads do, and any age is written 1s."""
    lines = text.rstrip("\n").split("\n")
    starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
    ends = [*starts[1:], None]
    rows = [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines]
    age = rows[0].index("AGE")
    return [rows[0], *([*row[:age], re.sub(r"^(\d+[smh])+$", "1s", row[age]), *row[age + 1 :]] for row in rows[1:])]


def test_the_defaults_are_stored(cluster, namespace):
    [runtime, route] = (cluster.apply(text, namespace=namespace)["spec"] for text in (RUNTIME, ROUTE))
    assert runtime["callers"] == {"anonymous": "Deny"}
    assert runtime["limits"] == {
        "maxRequestBytes": 67108864,
        "maxResponseBytes": 268435456,
        "maxMetadataBytes": 16384,
        "maxStreamsPerConnection": 1024,
        "maxDeadline": "5m",
        "maxStreamDuration": "1h",
    }
    assert runtime["telemetry"] == {}
    assert runtime["allowedRoutes"] == {"namespaces": {"from": "Same"}}
    assert runtime["workers"] == {"replicas": 2, "processes": 1, "grace": "20s", "service": {"type": "ClusterIP"}}
    assert runtime["pools"][0]["triton"]["models"] == [{"name": "classifier", "decoupled": False}]
    assert route["model"]["version"] == ""
    assert route["backends"] == [{"pool": "main", "model": "classifier", "version": "", "weight": 1}]


def test_a_status_is_written_on_its_own(cluster, namespace):
    with_status = yaml.safe_load(ROUTE) | {"status": {"observedGeneration": 7}}
    made = cluster.apply(json.dumps(with_status), namespace=namespace)
    (unseen,) = made["status"]["conditions"]  # who writes the spec writes no status
    assert (unseen["type"], unseen["status"], unseen["reason"]) == ("Ready", "Unknown", "Pending")
    assert "observedGeneration" not in made["status"]

    told = patch_status(cluster, namespace, "mroute", "classifier", {"observedGeneration": 1, "conditions": [READY]})
    assert told["status"] == {"observedGeneration": 1, "conditions": [READY]}
    assert told["metadata"]["generation"] == made["metadata"]["generation"]  # a status is no new wish

    told["spec"]["deadline"] = "1s"
    kept = cluster.kubectl(
        "replace", f"--namespace={namespace}", "--subresource=status", "--filename=-", stdin=json.dumps(told)
    )
    assert kept["spec"] == made["spec"]  # who writes the status writes no spec

    changed = cluster.apply(
        json.dumps(told | {"status": {}} | {"metadata": {"name": "classifier"}}), namespace=namespace
    )
    assert changed["status"] == told["status"]
    assert changed["metadata"]["generation"] == made["metadata"]["generation"] + 1


def test_a_status_is_applied_without_finalizers_or_nulls(cluster, namespace):
    made = cluster.apply(RUNTIME, namespace=namespace)
    body = runtime.RuntimeDeploymentStatus.model_validate(STATUS).body()
    assert body == STATUS
    path = f"/apis/fourplane.dev/v1alpha1/namespaces/{namespace}/runtimedeployments/shop/status?fieldManager=status"
    metadata = {"name": "shop", "resourceVersion": made["metadata"]["resourceVersion"]}
    document = {"apiVersion": API_VERSION, "kind": "RuntimeDeployment", "metadata": metadata, "status": body}
    sent = json.dumps(document).encode()
    code, told = cluster.request("PATCH", path, sent, content_type="application/apply-patch+yaml")
    assert (code, told["status"]) == (200, STATUS)
    assert (told["spec"], told["metadata"].get("finalizers")) == (made["spec"], None)
    code, refused = cluster.request("PATCH", path, sent, content_type="application/apply-patch+yaml")
    assert (code, refused["reason"]) == (409, "Conflict")  # that version was replaced


def test_server_side_apply_refuses_the_nulls_that_create_leaves_out(cluster, namespace):
    path = EXAMPLES / "valid/runtime-nulls.yaml"
    with pytest.raises(KubectlError, match=r'spec\.telemetry\.tracing in body must be of type object: "null"'):
        cluster.apply(path, namespace=namespace)
    stored = cluster.kubectl("create", f"--namespace={namespace}", f"--filename={path}")
    assert "null" not in json.dumps(stored)


@pytest.mark.parametrize("path", [p for p in VALID if p.stem != "runtime-nulls"], **STEMS)
def test_applying_twice_changes_nothing(path, cluster, namespace):
    text = json.dumps(new_object(path))
    cluster.apply(text, namespace=namespace)
    first = cluster.apply(text, namespace=namespace)  # from now on the status that the definition fills in is stored
    assert cluster.kubectl_text("diff", "--server-side", f"--namespace={namespace}", "--filename=-", stdin=text) == ""
    assert cluster.apply(text, namespace=namespace) == first
