"""What the workers of a runtime are."""

import json
from dataclasses import replace

import pytest
from compiler_resources import a_pool
from workload_making import METRICS, SETTINGS, a_managed_pool, bodies, body, container_of, planned, pod_of

from fourplane_cli.worker import worker
from fourplane_compiler.workloads.settings import ClusterFacts


def test_a_runtime_of_external_pools_makes_workers_and_nothing_else():
    found = planned()
    assert sorted(one.key.kind for one in found.manifests) == [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "RoleBinding",
        "Service",
        "Service",
        "ServiceAccount",
    ]
    assert not found.remarks


def test_every_object_says_whose_it_is():
    for one in planned(a_managed_pool(), facts=METRICS).manifests:
        metadata = one.body["metadata"]
        assert metadata["namespace"] == "team"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "fourplane"
        assert metadata["labels"]["app.kubernetes.io/instance"] == "demo"
        assert metadata["labels"]["fourplane.dev/runtime"] == "demo"
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("RuntimeDeployment", "demo", "u-1")
        assert (owner["controller"], owner["blockOwnerDeletion"]) == (True, False)


def test_the_same_resource_makes_the_same_bytes():
    one, other = (json.dumps([m.body for m in planned(a_managed_pool()).manifests]) for _ in range(2))
    assert one == other


def test_nothing_is_null_for_the_api_server_refuses_it():
    made = json.dumps([m.body for m in planned(a_managed_pool(), facts=METRICS).manifests])
    assert "null" not in made


def test_a_worker_follows_its_runtime_as_its_pod():
    container = container_of(planned(workers={"processes": 3, "grace": "1500ms"}))
    assert container["args"] == [
        "worker",
        "--state=/var/lib/fourplane",
        "--follow=$(NAMESPACE)/demo",
        "--pod=$(POD_NAME)",
        "--listen=0.0.0.0:8011",
        "--metrics=0.0.0.0:8012",
        "--workers=3",
        "--grace=1.5",
        "--public-key=/etc/fourplane/keys",
    ]
    assert {one["name"] for one in container["env"]} == {"POD_NAME", "POD_UID", "NAMESPACE"}


@pytest.mark.parametrize("workers", [{}, {"processes": 3, "grace": "1500ms", "tls": {"secretName": "cert"}}])
def test_a_worker_understands_what_it_is_told(workers):
    command, *arguments = container_of(planned(workers=workers))["args"]
    assert command == worker.name == "worker"
    context = worker.make_context(command, arguments)
    assert context.params["follow"] == "$(NAMESPACE)/demo"
    assert [str(path) for path in context.params["public_keys"]] == ["/etc/fourplane/keys"]
    assert context.params["grace_s"] == (1.5 if workers else 20)


def test_a_pod_is_killed_only_after_the_drain_and_the_grace():
    found = planned(workers={"grace": "90500ms"})
    container, spec = container_of(found), pod_of(found)["spec"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 10
    assert spec["terminationGracePeriodSeconds"] > 10 + 90.5


def test_a_new_worker_is_ready_before_an_old_one_ends():
    spec = body(planned(), "Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": 0}
    container = container_of(planned())
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}


@pytest.mark.parametrize(("component", "user"), [("worker", 65532), ("engine", 1000)])
def test_pods_are_as_restricted_as_can_be(component, user):
    found = planned(a_managed_pool())
    spec, container = pod_of(found, component)["spec"], container_of(found, component)
    assert spec["securityContext"]["runAsUser"] == user
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert "/tmp" in writable


@pytest.mark.parametrize("component", ["worker", "engine"])
def test_pods_are_spread_over_zones_and_hosts_where_that_can_be(component):
    constraints = pod_of(planned(a_managed_pool()), component)["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in constraints] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert {one["whenUnsatisfiable"] for one in constraints} == {"ScheduleAnyway"}


def test_only_workers_have_a_token():
    found = planned(a_managed_pool())
    assert pod_of(found)["spec"]["automountServiceAccountToken"] is True
    assert pod_of(found, "engine")["spec"]["automountServiceAccountToken"] is False


def test_a_workers_rights_are_those_of_the_installations_role():
    binding = body(planned(), "RoleBinding")
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("ClusterRole", "fourplane-worker")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "demo-worker", "namespace": "team"}]


def test_neither_other_keys_nor_another_snapshot_take_other_pods():
    before = pod_of(planned())
    other = replace(SETTINGS, public_keys={"b.pub": "other"})
    assert body(planned(settings=other), "ConfigMap")["data"] == {"b.pub": "other"}
    assert pod_of(planned(settings=other)) == before
    assert pod_of(planned(a_pool(endpoints=["other:8001"]))) == before


def test_a_certificate_is_mounted_and_told_to_gateways():
    found = planned(workers={"tls": {"secretName": "cert"}})
    container = container_of(found)
    assert "--tls-cert=/etc/fourplane/tls/tls.crt" in container["args"]
    assert "--tls-key=/etc/fourplane/tls/tls.key" in container["args"]
    services = bodies(found, "Service")
    assert services[0]["spec"]["ports"][0]["appProtocol"] == "https"
    assert bodies(planned(), "Service")[0]["spec"]["ports"][0]["appProtocol"] == "kubernetes.io/h2c"


def test_the_service_is_of_the_type_asked_for_and_metrics_stay_inside():
    clients, metrics = bodies(
        planned(workers={"service": {"type": "LoadBalancer", "annotations": {"a": "b"}}}), "Service"
    )
    assert (clients["spec"]["type"], clients["metadata"]["annotations"]) == ("LoadBalancer", {"a": "b"})
    assert [one["port"] for one in clients["spec"]["ports"]] == [8011]
    assert (metrics["spec"]["clusterIP"], [one["port"] for one in metrics["spec"]["ports"]]) == ("None", [8012])


def test_one_worker_alone_has_no_disruption_budget():
    assert not bodies(planned(workers={"replicas": 1}), "PodDisruptionBudget")
    assert body(planned(workers={"replicas": 2}), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_users_limit_is_never_below_a_request_of_ours():
    container = container_of(planned(workers={"resources": {"limits": {"memory": "64Mi"}}}))
    assert container["resources"] == {"requests": {"cpu": "500m"}, "limits": {"memory": "64Mi"}}


def test_placement_reaches_the_pods():
    workers = {
        "image": "mine:1",
        "nodeSelector": {"disk": "fast"},
        "tolerations": [
            {"key": "only", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
            {"key": "k"},
        ],
        "priorityClassName": "high",
    }
    found = planned(workers=workers)
    spec = pod_of(found)["spec"]
    assert container_of(found)["image"] == "mine:1"
    assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"disk": "fast"}, "high")
    assert spec["tolerations"] == [
        {"key": "only", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
        {"key": "k", "operator": "Equal"},
    ]


# Autoscaling.


def test_the_autoscaler_has_the_replicas_to_itself():
    found = planned(workers={"replicas": 9, "autoscaling": {"maxReplicas": 7, "inFlightPerWorker": 40}}, facts=METRICS)
    assert "replicas" not in body(found, "Deployment")["spec"]
    spec = body(found, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 7)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo-worker"}
    (metric,) = spec["metrics"]
    assert metric["pods"]["metric"]["name"] == "fourplane_open_calls"
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "40"}


def test_without_a_metrics_api_the_minimum_stands_and_it_is_said():
    found = planned(workers={"replicas": 9, "autoscaling": {"minReplicas": 3, "maxReplicas": 7}})
    assert body(found, "Deployment")["spec"]["replicas"] == 3
    assert not bodies(found, "HorizontalPodAutoscaler")
    (remark,) = found.remarks
    assert remark.field == "spec.workers.autoscaling"
    assert "fourplane_open_calls" in remark.remedy


def test_an_autoscaler_that_stands_stays_when_the_metrics_api_goes():
    facts = ClusterFacts(autoscalers=frozenset({"demo-worker"}))
    found = planned(workers={"autoscaling": {"maxReplicas": 7}}, facts=facts)
    assert body(found, "HorizontalPodAutoscaler")
    assert not found.remarks
    gone = planned(workers={"replicas": 4}, facts=facts)
    assert not bodies(gone, "HorizontalPodAutoscaler")
    assert body(gone, "Deployment")["spec"]["replicas"] == 4


def test_how_many_pods_are_always_wanted_is_known_for_each_deployment():
    found = planned(a_managed_pool(replicas=3), workers={"autoscaling": {"maxReplicas": 7}}, facts=METRICS)
    assert sorted(found.at_least.values()) == [2, 3]
