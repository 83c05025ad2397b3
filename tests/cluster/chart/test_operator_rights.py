"""The operator has what it needs in the namespaces that it serves, and no more."""

import json

import chart_rbac
import pytest
from control_plane import KubectlError


def binding(name, role, kind="ClusterRole"):
    return json.dumps(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "any", "namespace": "default"}],
        }
    )


def test_it_reads_what_users_write_and_changes_only_its_status(charted, shop, rights):
    charted.kubectl("get", "runtimedeployments,modelroutes", f"--namespace={shop}", kubeconfig=rights.operator)
    route = {"apiVersion": "fourplane.dev/v1alpha1", "kind": "ModelRoute", "metadata": {"name": "a"}}
    with pytest.raises(KubectlError, match='cannot create resource "modelroutes"'):
        charted.kubectl("create", f"-n={shop}", "-f=-", stdin=json.dumps(route), kubeconfig=rights.operator)


def test_it_binds_the_workers_role_and_no_other(charted, shop, rights):
    charted.apply(binding("workers", rights.worker_role), namespace=shop, kubeconfig=rights.operator)
    for role in ("cluster-admin", "system:node"):
        with pytest.raises(KubectlError, match="attempting to grant RBAC permissions not currently held"):
            charted.apply(binding(f"more-{role[:4]}", role), namespace=shop, kubeconfig=rights.operator)


def test_it_binds_nothing_in_a_namespace_that_it_does_not_serve(charted, rights):
    with pytest.raises(KubectlError, match=r"cannot (patch|create) resource"):
        charted.apply(binding("workers", rights.worker_role), kubeconfig=rights.operator)


def test_it_writes_no_roles(charted, shop, rights):
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "more"}, "rules": []}
    with pytest.raises(KubectlError, match=r"cannot (patch|create) resource"):
        charted.apply(json.dumps(role), namespace=shop, kubeconfig=rights.operator)


def test_it_makes_the_secret_of_its_key_and_reads_no_other(charted, shop, rights):
    charted.kubectl("create", "secret", "generic", rights.signing_key_secret, "-n=control", kubeconfig=rights.operator)
    charted.kubectl("get", "secret", rights.signing_key_secret, "-n=control", kubeconfig=rights.operator)
    for arguments in (["any", "-n=control"], ["-n=control"], [f"-n={shop}"], ["--all-namespaces"]):
        with pytest.raises(KubectlError, match=r"cannot (get|list) resource"):
            charted.kubectl("get", "secret", *arguments, kubeconfig=rights.operator)


def test_with_a_secret_of_the_users_it_reads_none(charted, shop):
    rights = chart_rbac.install_rights(
        charted, "control", watchNamespaces=[shop], fullnameOverride="given", signingKey={"existingSecret": "mine"}
    )
    assert rights.signing_key_secret == ""
    for verb in ("get", "list", "create"):
        with pytest.raises(KubectlError):
            charted.kubectl_text("auth", "can-i", verb, "secrets", "-n=control", kubeconfig=rights.operator)


def test_it_holds_its_own_lease_alone(charted, rights):
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": rights.lease}, "spec": {}}
    made = charted.kubectl("create", "-n=control", "--filename=-", stdin=json.dumps(lease), kubeconfig=rights.operator)
    made["spec"]["holderIdentity"] = "me"
    charted.kubectl("replace", "--filename=-", stdin=json.dumps(made), kubeconfig=rights.operator)
    charted.apply(json.dumps(lease | {"metadata": {"name": "other"}}), namespace="control")
    with pytest.raises(KubectlError, match="cannot get resource"):
        charted.kubectl("get", "lease", "other", "-n=control", kubeconfig=rights.operator)


def test_with_the_whole_cluster_it_serves_every_namespace(charted, shop):
    rights = chart_rbac.install_rights(charted, "control", clusterWide=True, fullnameOverride="wide")
    charted.kubectl("get", "modelroutes", "--all-namespaces", kubeconfig=rights.operator)
    charted.apply(binding("workers", rights.worker_role), namespace=shop, kubeconfig=rights.operator)
    with pytest.raises(KubectlError, match="attempting to grant RBAC permissions not currently held"):
        charted.apply(binding("more", "cluster-admin"), namespace=shop, kubeconfig=rights.operator)
    with pytest.raises(KubectlError, match="cannot list resource"):
        charted.kubectl("get", "secrets", "--all-namespaces", kubeconfig=rights.operator)


def test_everything_that_the_charts_render_is_accepted(charted, shop):
    values = {"watchNamespaces": [shop, "default"], "replicas": 2, "fullnameOverride": "whole"}
    chart_rbac.apply(charted, chart_rbac.rendered("control", **values))
    chart_rbac.apply(charted, chart_rbac.rendered("control", chart_rbac.CRDS))


def test_reports_are_collected_with_their_pods(charted, shop, rights):
    charted.start_controllers()
    worker = rights.worker(charted, shop, "vision-0")
    pod = charted.kubectl("get", "pod", "vision-0", f"--namespace={shop}")
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "vision-0", "uid": pod["metadata"]["uid"]}
    report = {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "WorkerReport",
        "metadata": {"name": "vision-0", "ownerReferences": [owner | {"blockOwnerDeletion": True}]},
        "spec": {
            "runtime": f"{shop}/vision",
            "workerVersion": "0.1.0",
            "contractVersions": ["1"],
            "processes": {"wanted": 1, "serving": 0, "summary": "0/1"},
        },
    }
    charted.kubectl("create", "--filename=-", stdin=json.dumps(report), kubeconfig=worker)
    # In the foreground the collector writes a finalizer into what it deletes before the owner.
    where = f"--namespace={shop}"
    charted.kubectl_text("delete", "pod", "vision-0", where, "--cascade=foreground", "--wait=false")
    charted.kubectl_text("wait", "--for=delete", "workerreport/vision-0", where, "--timeout=30s")
