"""What a pool with a model repository makes."""

import pytest
from compiler_resources import a_pool
from workload_making import METRICS, SETTINGS, a_managed_pool, bodies, body, container_of, planned, pod_of

from fourplane_compiler.workloads import names, repositories
from fourplane_compiler.workloads.repositories import Claim, Folder, Store
from fourplane_compiler.workloads.settings import WorkloadSettings


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("models", Folder("models")),
        ("pvc://c", Claim("c", "/models")),
        ("pvc://c/", Claim("c", "/models")),
        ("pvc://c//a/./b/", Claim("c", "/models/a/b")),
        ("s3://bucket/a", Store("s3://bucket/a")),
        ("gs://bucket", Store("gs://bucket")),
        ("as://account/container", Store("as://account/container")),
    ],
)
def test_a_model_repository_is_read(given, found):
    assert repositories.read(given) == found


def test_a_claim_is_mounted_read_only():
    found = planned(a_managed_pool(repository="pvc://c/a"))
    assert "--model-repository=/models/a" in container_of(found, "engine")["args"]
    volumes = pod_of(found, "engine")["spec"]["volumes"]
    assert {"name": "models", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}} in volumes
    mount = {"name": "models", "mountPath": "/models", "readOnly": True}
    assert mount in container_of(found, "engine")["volumeMounts"]


def test_a_store_is_read_by_triton_with_the_credentials_of_a_secret():
    found = planned(a_managed_pool(repository="s3://bucket/a", credentialsSecretName="keys"))
    container = container_of(found, "engine")
    assert "--model-repository=s3://bucket/a" in container["args"]
    assert container["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert "/etc/fourplane/credentials" in {one["mountPath"] for one in container["volumeMounts"]}


def test_one_broken_model_stops_neither_the_server_nor_the_pod():
    arguments = container_of(planned(a_managed_pool()), "engine")["args"]
    assert {"--exit-on-error=false", "--strict-readiness=false"} <= set(arguments)


def test_gpus_are_limits_beside_the_users():
    found = planned(a_managed_pool(gpus=2, resources={"limits": {"memory": "8Gi"}}))
    assert container_of(found, "engine")["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": "2"}
    assert "limits" not in container_of(planned(a_managed_pool()), "engine")["resources"]


@pytest.mark.parametrize(("gpus", "replicas", "unavailable"), [(0, 3, 0), (1, 1, 0), (1, 2, 1)])
def test_a_server_ends_before_its_successor_only_where_gpus_are_scarce_and_others_go_on(gpus, replicas, unavailable):
    spec = body(planned(a_managed_pool(gpus=gpus, replicas=replicas)), "Deployment", "engine")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": unavailable}


def test_python_models_have_shared_memory():
    volumes = pod_of(planned(a_managed_pool()), "engine")["spec"]["volumes"]
    assert {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}} in volumes


def test_only_this_runtimes_workers_may_call_the_engines():
    policy = body(planned(a_managed_pool()), "NetworkPolicy", "engine")["spec"]
    calls, scrapes = policy["ingress"]
    assert calls["ports"] == [{"protocol": "TCP", "port": 8001}]
    (source,) = calls["from"]
    assert source["podSelector"]["matchLabels"].items() <= pod_of(planned())["metadata"]["labels"].items()
    assert scrapes["ports"] == [{"protocol": "TCP", "port": 8002}]
    assert (
        policy["podSelector"]["matchLabels"].items()
        <= pod_of(planned(a_managed_pool()), "engine")["metadata"]["labels"].items()
    )


def test_the_service_is_where_workers_look_for_it():
    service = body(planned(a_managed_pool("digits")), "Service", "engine")
    assert service["metadata"]["name"] == names.pool_service("demo", "digits")
    assert [(one["name"], one["port"]) for one in service["spec"]["ports"]] == [("grpc", 8001), ("metrics", 8002)]


def test_queue_time_scales_engines():
    pool = a_managed_pool(autoscaling={"maxReplicas": 4, "queueTime": "1s50ms"})
    found = planned(pool, facts=METRICS)
    spec = body(found, "HorizontalPodAutoscaler", "engine")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 4)
    assert spec["metrics"][0]["pods"]["target"]["averageValue"] == "1050m"
    assert "replicas" not in body(found, "Deployment", "engine")["spec"]


def test_two_pools_are_two_deployments_with_one_account():
    found = planned(a_managed_pool("a"), a_managed_pool("b", repository="s3://b/c"), a_pool("external"))
    selectors = [one["spec"]["selector"]["matchLabels"] for one in bodies(found, "Deployment", "engine")]
    assert [one["fourplane.dev/pool"] for one in selectors] == ["a", "b"]
    assert len(bodies(found, "ServiceAccount", "engine")) == 1


def test_a_folder_has_no_engine_here_and_the_other_pools_go_on():
    found = planned(a_pool("external"), a_managed_pool("local", repository="models"), a_managed_pool("claimed"))
    assert len(bodies(found, "Deployment", "engine")) == 1
    (remark,) = found.remarks
    assert remark.field == "spec.pools[1].triton.modelRepository"
    assert "pvc://" in remark.remedy


def test_a_pool_without_an_image_says_so():
    found = planned(a_managed_pool(), settings=WorkloadSettings(worker_image="w"))
    assert not bodies(found, "Deployment", "engine")
    assert [one.field for one in found.remarks] == ["spec.pools[0].triton.server.image"]
    named = planned(a_managed_pool(image="mine:1"), settings=WorkloadSettings(worker_image="w"))
    assert container_of(named, "engine")["image"] == "mine:1"


def test_engines_end_within_the_runtimes_grace():
    found = planned(a_managed_pool(), workers={"grace": "90s"})
    assert "--exit-timeout-secs=90" in container_of(found, "engine")["args"]
    assert pod_of(found, "engine")["spec"]["terminationGracePeriodSeconds"] > 100
    assert SETTINGS.drain_s == 10
