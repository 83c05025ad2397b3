"""What the chart renders is restricted, least and valid."""

import json
import os
import re
import subprocess

import pytest
import rendering
from rendering import arguments, container

from fourplane_operator.metrics import Metrics

EVERYTHING = {
    "replicas": 2,
    "watchNamespaces": ["shop", "lab"],
    "image": {"repository": "example.org/fourplane", "digest": f"sha256:{'a' * 64}", "pullSecrets": ["registry"]},
    "signingKey": {"existingSecret": "mine"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "serviceAccount": {"annotations": {"e": "f"}},
    "networkPolicy": {"metricsFrom": [{"namespaceSelector": {}}]},
}
CASES = {"least": {}, "everything": EVERYTHING, "cluster-wide": {"clusterWide": True, "watchNamespaces": []}}
WRITES = {"create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "impersonate"}


def rendered_text(**values):
    """Render with one namespace to serve, which has to be named, unless the values say otherwise."""
    return rendering.rendered_text(**{"watchNamespaces": ["shop"]} | values)


def rendered(**values):
    return rendering.rendered(**{"watchNamespaces": ["shop"]} | values)


@pytest.fixture(params=CASES.values(), ids=CASES)
def documents(request):
    return rendered(**request.param)


def of_kind(documents, *kinds):
    return [each for each in documents if each["kind"] in kinds]


def the(documents, kind):
    (only,) = of_kind(documents, kind)
    return only


def rules(documents):
    return [rule for role in of_kind(documents, "Role", "ClusterRole") for rule in role["rules"]]


def test_the_operator_meets_the_restricted_pod_security_standard(documents):
    pod = the(documents, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(the(documents, "Deployment"))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all({"emptyDir", "secret"} & volume.keys() for volume in pod["volumes"])


def test_no_rule_has_a_star(documents):
    assert rules(documents)
    for rule in rules(documents):
        assert "*" not in json.dumps(rule)
        assert "nonResourceURLs" not in rule


def test_no_rule_lets_anyone_become_more_than_they_are(documents):
    for rule in rules(documents):
        assert not {"escalate", "impersonate"} & set(rule["verbs"])
        if "bind" in rule["verbs"]:
            assert rule["resourceNames"] == [arguments(the(documents, "Deployment"))["worker-role"]]
        if {"roles", "clusterroles"} & set(rule["resources"]):
            assert rule["verbs"] == ["bind"]


def test_secrets_are_read_by_name_in_the_release_s_namespace_alone(documents):
    for role in of_kind(documents, "Role", "ClusterRole"):
        for rule in role["rules"]:
            if "secrets" in rule["resources"]:
                assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "fourplane-system")
                assert rule["verbs"] == ["create"] or (rule["verbs"] == ["get"] and len(rule["resourceNames"]) == 1)


def test_the_operator_writes_nothing_of_the_users_but_status(documents):
    for rule in rules(documents):
        if {"runtimedeployments", "modelroutes"} & set(rule["resources"]):
            assert not WRITES & set(rule["verbs"])
        for each in rule["resources"]:
            assert not each.endswith("/status") or rule["verbs"] == ["patch"]


def test_everything_that_has_a_namespace_names_it(documents):
    wide = {
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    for document in documents:
        assert ("namespace" in document["metadata"]) is (document["kind"] not in wide), document["kind"]


def test_one_namespace_is_served_by_namespaced_rights():
    documents = rendered()
    assert "--namespace=shop" in container(the(documents, "Deployment"))["args"]
    assert [role["metadata"]["name"] for role in of_kind(documents, "ClusterRole")] == [
        "fourplane-system-fourplane-worker"
    ]
    assert of_kind(documents, "ClusterRoleBinding") == []
    places = [binding["metadata"]["namespace"] for binding in of_kind(documents, "RoleBinding")]
    assert sorted(places) == ["fourplane-system", "shop"]


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"watchNamespaces": []}, "name at least one namespace to serve, another than the release's"),
        ({"watchNamespaces": ["shop"], "clusterWide": True}, "leave one of the two out"),
        ({"watchNamespaces": ["shop", "fourplane-system"]}, "fourplane-system is the release's own namespace"),
        ({"serviceAccount": {"name": "vision-worker"}}, r"serviceAccount\.name: .* choose another one"),
        ({"fullnameOverride": "vision-engine"}, r"serviceAccount\.name: .* choose another one"),
    ],
)
def test_what_would_serve_nothing_or_give_the_key_away_is_refused_with_its_remedy(values, remedy):
    with pytest.raises(ValueError, match=remedy):
        rendered(**values)


def test_the_releases_namespace_is_served_only_when_asked():
    documents = rendered(watchNamespaces=["fourplane-system"], allowOwnNamespace=True)
    assert "--namespace=fourplane-system" in container(the(documents, "Deployment"))["args"]


def test_each_served_namespace_has_rights_of_its_own():
    documents = rendered(watchNamespaces=["shop", "lab"])
    args = container(the(documents, "Deployment"))["args"]
    assert [each for each in args if each.startswith("--namespace=")] == ["--namespace=lab", "--namespace=shop"]
    places = [each["metadata"]["namespace"] for each in of_kind(documents, "RoleBinding")]
    assert sorted(places) == ["fourplane-system", "lab", "shop"]


def test_the_whole_cluster_is_served_only_when_asked():
    documents = rendered(clusterWide=True, watchNamespaces=[])
    assert "--all-namespaces" in container(the(documents, "Deployment"))["args"]
    assert the(documents, "ClusterRoleBinding")["roleRef"]["name"] == "fourplane-system-fourplane-operator"


def test_a_digest_wins_over_a_tag():
    image = {"repository": "example.org/fourplane", "tag": "1", "digest": f"sha256:{'0' * 64}"}
    deployment = the(rendered(image=image), "Deployment")
    assert container(deployment)["image"] == f"example.org/fourplane@sha256:{'0' * 64}"
    assert arguments(deployment)["worker-image"] == container(deployment)["image"]
    assert container(the(rendered(), "Deployment"))["image"] == "fourplane:0.1.0"


def test_a_key_of_the_users_is_mounted_and_none_is_made():
    documents = rendered(signingKey={"existingSecret": "mine"})
    deployment = the(documents, "Deployment")
    assert arguments(deployment)["signing-key"] == "/etc/fourplane/keys"
    assert {"--own-secret=mine", "--own-secret=fourplane-signing-key"} <= set(container(deployment)["args"])
    assert "signing-key-secret" not in arguments(deployment)
    assert not any("secrets" in rule["resources"] for rule in rules(documents))


def test_what_holds_for_workers_stays_when_it_is_uninstalled():
    kept = [
        one for one in rendered() if one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    ]
    assert [(one["kind"], one["metadata"]["name"]) for one in kept] == [
        ("ClusterRole", "fourplane-system-fourplane-worker"),
        ("ValidatingAdmissionPolicy", "fourplane-system-fourplane-reports"),
        ("ValidatingAdmissionPolicyBinding", "fourplane-system-fourplane-reports"),
    ]


def test_one_replica_has_no_disruption_budget_and_two_have():
    assert of_kind(rendered(), "PodDisruptionBudget") == []
    assert the(rendered(replicas=2), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_rendering_twice_gives_the_same():
    assert rendered_text() == rendered_text()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"replica": 2}, "replica"),
        ({"replicas": "two"}, "replicas"),
        ({"image": {"repository": ""}}, "repository"),
        ({"image": {"repository": "a", "digest": "sha256:short"}}, "digest"),
        ({"watchNamespaces": ["Shop"]}, "watchNamespaces"),
        ({"logLevel": "loud"}, "logLevel"),
        ({"metrics": {"port": 80}}, "port"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(values, field):
    with pytest.raises(ValueError, match=field):
        rendered(**values)


@pytest.mark.parametrize(
    ("field", "kind"), [("serviceMonitor", "ServiceMonitor"), ("prometheusRule", "PrometheusRule")]
)
def test_what_prometheus_reads_needs_its_kind(field, kind):
    with pytest.raises(ValueError, match=f"the cluster has no {kind}"):
        rendered(metrics={field: {"create": True}})
    there = f"--api-versions=monitoring.coreos.com/v1/{kind}"
    assert the(rendered(options=[there], metrics={field: {"create": True}}), kind)["spec"]


def test_alerts_name_metrics_that_the_operator_has():
    there = "--api-versions=monitoring.coreos.com/v1/PrometheusRule"
    rule = the(rendered(options=[there], metrics={"prometheusRule": {"create": True}}), "PrometheusRule")
    told = {family.name for family in Metrics().registry.collect()}
    for alert in rule["spec"]["groups"][0]["rules"]:
        named = re.findall(r"fourplane_operator_\w+", alert["expr"])
        assert {name.removesuffix("_total") for name in named} <= told


def test_what_it_renders_is_valid(tmp_path):
    files = []
    for name, values in CASES.items():
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(rendered_text(**values))
    command = [str(rendering.ROOT / "tools/build.sh"), "--path", "kubectl-validate"]
    binary = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    environment = {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none"), "PATH": os.environ["PATH"]}
    done = subprocess.run([binary, *map(str, files)], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
