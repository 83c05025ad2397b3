"""The example's base and overlay, on the API server and as the tools see them there."""

import json
import subprocess

import pytest
import yaml
from gitops_shell import sh
from judges import ask, tool
from recording import CASES, ROOT

OVERLAY = "gitops/example/overlays/production"
COLLECTION = "/apis/fourplane.dev/v1alpha1/namespaces/{}/{}"
PLURALS = {"ModelRoute": "modelroutes", "RuntimeDeployment": "runtimedeployments"}
EXAMPLES = ROOT / "gitops/example/base"


def test_the_overlay_is_valid(bench, environment):
    rendered = sh(f"kubectl kustomize {OVERLAY} >all.yaml", bench, environment)
    assert rendered.returncode == 0, rendered.stderr
    command = [str(tool("kubectl-validate")), "--local-crds", str(ROOT / "crds"), str(bench / "all.yaml")]
    judged = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert sh("fourplane validate all.yaml", bench, environment).returncode == 0


def test_an_overlay_may_rename_what_routes_refer_to(bench, environment):
    overlay = {"resources": ["../../gitops/example/base"], "namePrefix": "eu-", "namespace": "europe"}
    folder = bench / "overlays/europe"
    folder.mkdir(parents=True)
    (bench / "gitops").unlink()
    sh(f"cp -R {ROOT}/gitops .", bench, environment)
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
    rendered = list(yaml.safe_load_all(sh("kubectl kustomize overlays/europe", bench, environment).stdout))
    route, runtime = sorted(rendered, key=lambda one: one["kind"])
    assert runtime["metadata"]["name"] == route["spec"]["runtimeRef"]["name"] == "eu-digits"


def test_what_is_applied_shows_no_drift_and_a_status_makes_none(cluster, bench, at_cluster):
    applied = sh(f"kubectl apply --server-side --validate=strict -k {OVERLAY}", bench, at_cluster)
    assert applied.returncode == 0, applied.stderr
    before = cluster.kubectl("get", "mroute", "digits", "--namespace=production", "--show-managed-fields")
    status = {"observedGeneration": 1, "conditions": [_ready()]}
    body = {key: before[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": "digits"}, "status": status}
    path = COLLECTION.format("production", "modelroutes/digits/status?fieldManager=fourplane-operator")
    said, _ = cluster.request("PATCH", path, json.dumps(body).encode(), content_type="application/apply-patch+yaml")
    assert said == 200
    after = cluster.kubectl("get", "mroute", "digits", "--namespace=production", "--show-managed-fields")
    difference = sh(f"kubectl diff --server-side -k {OVERLAY}", bench, at_cluster)
    assert (difference.returncode, difference.stdout) == (0, ""), difference.stderr
    assert _fields_of(after, "kubectl") == _fields_of(before, "kubectl")
    assert after["status"] == status


def _ready():
    return {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    }


def _fields_of(resource, manager):
    return [one for one in resource["metadata"]["managedFields"] if one["manager"] == manager]


def test_the_health_script_is_added_to_argo_cds_settings_and_nothing_else_is_touched(cluster, bench, at_cluster):
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": {"url": "x"}}
    cluster.apply(json.dumps(settings), namespace="argocd")
    command = "kubectl apply --server-side --field-manager=fourplane-health -k gitops/argocd"
    applied = sh(command, bench, at_cluster)
    assert applied.returncode == 0, applied.stderr
    stored = cluster.kubectl("get", "configmap", "argocd-cm", "--namespace=argocd")["data"]
    [script] = (ROOT / "gitops/argocd/resource_customizations").rglob("health.lua")
    keys = [f"resource.customizations.health.fourplane.dev_{kind}" for kind in PLURALS]
    assert stored == {"url": "x"} | dict.fromkeys(keys, script.read_text())


@pytest.fixture
def live(cluster, definitions, namespace, tmp_path):
    """Give a function that brings a situation about on the API server, and returns what the server then says."""

    def bring(case):
        document = case.make()
        kind, generation = document["kind"], document["metadata"]["generation"]
        collection = COLLECTION.format(namespace, PLURALS[kind])
        metadata = {"name": case.name, "namespace": namespace}
        file = EXAMPLES / ("digits.yaml" if kind == "ModelRoute" else "runtime.yaml")
        new = yaml.safe_load(file.read_text()) | {"metadata": metadata}
        _, stored = cluster.request("POST", collection, json.dumps(new).encode())
        for number in range(1, generation):
            edit = json.dumps({"spec": {"deadline": f"{number}s"}}).encode()
            _, stored = cluster.request(
                "PATCH", f"{collection}/{case.name}", edit, content_type="application/merge-patch+json"
            )
        if "observedGeneration" in document.get("status", ()):
            body = json.dumps(stored | {"status": document["status"]}).encode()
            code, stored = cluster.request("PUT", f"{collection}/{case.name}/status", body)
            assert code == 200, stored
        assert stored["metadata"]["generation"] == generation
        path = tmp_path / f"{case.name}.json"
        path.write_text(json.dumps(stored))
        return path

    return bring


def test_each_situation_is_judged_alike_on_the_server_and_as_recorded(live):
    files = [live(case) for case in CASES]
    for judge in ("argocd", "flux", "kstatus"):
        said = {case.name: one["status"] for case, one in zip(CASES, ask(judge, files), strict=True)}
        assert said == {case.name: getattr(case, judge) for case in CASES}
