"""A worker does what it needs with what the chart grants it, and nothing else."""

import json

import chart_rbac
import pytest
from control_plane import KubectlError

FOLLOWED = ("runtimeactivations", "endpointslices.discovery.k8s.io")
FETCHED = ("configsnapshots", "configshards")
EXAMPLES = chart_rbac.ROOT / "crds" / "examples" / "valid"


@pytest.fixture
def worker(charted, shop, rights):
    return rights.worker(charted, shop, "vision-0")


def report(name, shop, runtime="vision", summary="0/2"):
    spec = {
        "runtime": f"{shop}/{runtime}",
        "workerVersion": "0.1.0",
        "contractVersions": ["1"],
        "processes": {"wanted": int(summary[2]), "serving": int(summary[0]), "summary": summary},
    }
    return json.dumps(
        {"apiVersion": "fourplane.dev/v1alpha1", "kind": "WorkerReport", "metadata": {"name": name}, "spec": spec}
    )


def create(cluster, who, text, namespace):
    return cluster.kubectl("create", f"--namespace={namespace}", "--filename=-", stdin=text, kubeconfig=who)


@pytest.mark.parametrize("resource", FOLLOWED)
def test_it_follows_what_it_serves(charted, worker, resource):
    charted.kubectl("get", resource, kubeconfig=worker)


@pytest.mark.parametrize("resource", FETCHED)
def test_it_fetches_by_name_what_it_serves(charted, worker, resource):
    with pytest.raises(KubectlError, match="not found"):
        charted.kubectl("get", resource, "sha256-0", kubeconfig=worker)
    with pytest.raises(KubectlError, match="cannot list resource"):
        charted.kubectl("get", resource, kubeconfig=worker)


@pytest.mark.parametrize("resource", [*FOLLOWED, *FETCHED])
def test_it_reads_no_other_namespace(charted, worker, resource):
    with pytest.raises(KubectlError, match="cannot get resource"):
        charted.kubectl("get", resource, "any", "--namespace=default", kubeconfig=worker)
    with pytest.raises(KubectlError, match="cannot list resource"):
        charted.kubectl("get", resource, "--all-namespaces", kubeconfig=worker)


@pytest.mark.parametrize("resource", ["secrets", "configmaps"])
def test_it_reads_no_secrets_and_no_configmaps(charted, shop, worker, resource):
    with pytest.raises(KubectlError, match="cannot list resource"):
        charted.kubectl("get", resource, kubeconfig=worker)
    with pytest.raises(KubectlError, match="cannot get resource"):
        charted.kubectl("get", resource, "any", kubeconfig=worker)


def rights_of(cluster, who):
    rules = cluster.kubectl_text("auth", "can-i", "--list", "--no-headers", kubeconfig=who).splitlines()
    return {line.split()[0]: line[line.rindex("[") :] for line in rules if not line.startswith(" ")}


def test_it_has_no_right_that_it_does_not_need(charted, shop, worker):
    everyones = rights_of(charted, charted.service_account("nobody", shop))
    assert rights_of(charted, worker) == everyones | {
        "runtimeactivations.fourplane.dev": "[get list watch]",
        "endpointslices.discovery.k8s.io": "[get list watch]",
        "configsnapshots.fourplane.dev": "[get]",
        "configshards.fourplane.dev": "[get]",
        "workerreports.fourplane.dev": "[get create update]",
    }


@pytest.mark.parametrize("name", ["snapshot-minimal", "shard-full", "activation-minimal", "runtime-minimal"])
def test_it_publishes_nothing(charted, worker, name):
    with pytest.raises(KubectlError, match="cannot create resource"):
        charted.kubectl("create", f"--filename={EXAMPLES / name}.yaml", kubeconfig=worker)


def test_it_moves_no_activation(charted, shop, worker):
    made = charted.kubectl("create", f"-n={shop}", f"--filename={EXAMPLES / 'activation-minimal'}.yaml")
    with pytest.raises(KubectlError, match="cannot update resource"):
        charted.kubectl("replace", "--filename=-", stdin=json.dumps(made), kubeconfig=worker)
    with pytest.raises(KubectlError, match="cannot patch resource"):
        charted.apply(json.dumps(made), namespace=shop, kubeconfig=worker)


def test_it_writes_its_own_report_and_renews_it(charted, shop, worker):
    made = create(charted, worker, report("vision-0", shop), shop)
    made["spec"]["processes"] = {"wanted": 2, "serving": 2, "summary": "2/2"}
    told = charted.kubectl("replace", "--filename=-", stdin=json.dumps(made), kubeconfig=worker)
    assert told["spec"]["processes"]["summary"] == "2/2"


def test_it_does_not_make_the_report_of_another_pod(charted, shop, worker):
    with pytest.raises(KubectlError, match="by the pod of its name alone: this token is bound to the pod vision-0"):
        create(charted, worker, report("vision-1", shop), shop)


def test_it_does_not_change_the_report_of_another_pod(charted, shop, rights, worker):
    other = rights.worker(charted, shop, "vision-1")
    made = create(charted, other, report("vision-1", shop), shop)
    made["spec"]["processes"] = {"wanted": 2, "serving": 2, "summary": "2/2"}
    with pytest.raises(KubectlError, match="by the pod of its name alone"):
        charted.kubectl("replace", "--filename=-", stdin=json.dumps(made), kubeconfig=worker)
    made = charted.kubectl("get", "workerreport", "vision-1", f"--namespace={shop}")
    made["metadata"]["labels"] = {"a": "b"}  # nor what is not the spec
    with pytest.raises(KubectlError, match="by the pod of its name alone"):
        charted.kubectl("replace", "--filename=-", stdin=json.dumps(made), kubeconfig=worker)


def test_it_deletes_no_report(charted, shop, worker):
    create(charted, worker, report("vision-0", shop), shop)
    with pytest.raises(KubectlError, match="cannot delete resource"):
        charted.kubectl_text("delete", "workerreport", "vision-0", kubeconfig=worker)


def test_a_report_is_about_a_runtime_of_its_own_namespace(charted, shop, worker):
    with pytest.raises(KubectlError, match="about a runtime of its own namespace"):
        create(charted, worker, report("vision-0", "default"), shop)


def test_a_pod_of_the_same_name_elsewhere_is_another_one(charted, shop, rights, worker):
    abroad = chart_rbac.bound_to_pod(charted, "default", "vision-0", "stranger")
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": rights.worker_role}
    subject = {"kind": "ServiceAccount", "name": "stranger", "namespace": "default"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "stranger"}}
    charted.apply(json.dumps(binding | {"roleRef": role, "subjects": [subject]}), namespace=shop)
    with pytest.raises(KubectlError, match="from its own namespace alone"):
        create(charted, abroad, report("vision-0", shop), shop)


def test_a_token_that_is_bound_to_no_pod_writes_no_report(charted, shop, rights, worker):
    unbound = charted.kubeconfig_of("worker", shop)
    with pytest.raises(KubectlError, match="bound to no pod"):
        create(charted, unbound, report("vision-0", shop), shop)


def test_an_administrator_writes_no_report_but_may_delete_one(charted, shop, worker):
    with pytest.raises(KubectlError, match="bound to no pod"):
        create(charted, None, report("vision-0", shop), shop)
    create(charted, worker, report("vision-0", shop), shop)
    charted.kubectl_text("delete", "workerreport", "vision-0", f"--namespace={shop}")
