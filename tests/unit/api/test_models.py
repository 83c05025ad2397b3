"""The models: names, defaults, derived values, immutability."""

import pydantic
import pytest

import fourplane_api as api
from fourplane_api import allowed, pools, route, runtime, workers
from fourplane_core.control.snapshot import DataType

NOON = "2026-01-31T12:00:00Z"


def a_runtime(**spec):
    pool = {"name": "main", "triton": {"modelRepository": "models", "models": [{"name": "m"}]}}
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "RuntimeDeployment",
        "metadata": {"name": "shop"},
        "spec": {"pools": [pool]} | spec,
    }


def a_route(**spec):
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "ModelRoute",
        "metadata": {"name": "classifier", "namespace": "shops"},
        "spec": {
            "runtimeRef": {"name": "shop"},
            "model": {"name": "classifier"},
            "backends": [{"pool": "main", "model": "m"}],
        }
        | spec,
    }


def test_a_minimal_runtime_has_the_stated_defaults():
    spec = api.parse(a_runtime()).spec
    assert spec.callers.anonymous is api.Anonymous.DENY
    limits = spec.limits
    assert limits.max_request_bytes == 64 * 1024 * 1024
    assert limits.max_response_bytes == 256 * 1024 * 1024
    assert limits.max_metadata_bytes == 16 * 1024
    assert limits.max_streams_per_connection == 1024
    assert limits.max_deadline_ms == 5 * 60 * 1000
    assert limits.max_stream_duration_ms == 60 * 60 * 1000
    assert spec.telemetry.tracing.endpoint == ""
    assert spec.telemetry.tracing.sample_per_million == 0
    triton = spec.pools[0].triton
    assert (triton.endpoints, triton.model_repository) == ((), "models")
    assert (triton.models[0].decoupled, triton.models[0].inputs, triton.models[0].outputs) == (False, (), ())


def test_a_minimal_route_has_the_stated_defaults():
    spec = api.parse(a_route()).spec
    assert spec.model.version == ""
    assert (spec.backends[0].version, spec.backends[0].weight) == ("", 1)
    assert spec.deadline_ms == 0
    assert spec.affinity.header == ""


def test_a_tensor_is_a_value_of_the_core():
    pool = {
        "name": "main",
        "triton": {
            "endpoints": ["localhost:8001"],
            "models": [{"name": "m", "inputs": [{"name": "x", "datatype": "BF16", "shape": [-1, 0]}]}],
        },
    }
    triton = api.parse(a_runtime(pools=[pool])).spec.pools[0].triton
    assert triton.endpoints == ("localhost:8001",)
    assert triton.models[0].inputs[0].datatype is DataType.BF16
    assert triton.models[0].inputs[0].shape == (-1, 0)


def test_an_object_outside_a_cluster_is_in_the_default_namespace():
    metadata = api.parse(a_runtime()).metadata
    assert (metadata.namespace, metadata.uid, metadata.generation, metadata.creation_timestamp) == (
        "default",
        "",
        0,
        None,
    )


def test_metadata_of_the_api_server_is_read_or_ignored():
    document = a_runtime()
    document["metadata"] |= {
        "uid": "u",
        "generation": 3,
        "creationTimestamp": "2026-01-31T12:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
        "resourceVersion": "7",
    }
    metadata = api.parse(document).metadata
    assert (metadata.uid, metadata.generation, metadata.creation_timestamp) == ("u", 3, "2026-01-31T12:00:00Z")


def test_the_full_name_is_namespace_and_name():
    assert api.parse(a_route()).full_name == "shops/classifier"


def test_a_minimal_runtime_gets_the_stated_fleet_and_takes_routes_of_its_own_namespace():
    spec = api.parse(a_runtime()).spec
    assert spec.allowed_routes.namespaces.origin is allowed.RouteNamespaces.SAME
    fleet = spec.workers
    assert (fleet.replicas, fleet.processes, fleet.grace_ms, fleet.image) == (2, 1, 20_000, "")
    assert (fleet.resources.requests, fleet.resources.limits, fleet.tolerations) == ({}, {}, ())
    assert fleet.service.type is workers.ServiceType.CLUSTER_IP
    assert not fleet.tls.secret_name
    assert not fleet.is_autoscaled
    server = spec.pools[0].triton.server
    assert (server.replicas, server.gpus, server.image, server.is_autoscaled) == (1, 0, "", False)


def test_a_quantity_may_be_an_integer():
    found = api.parse(a_runtime(workers={"resources": {"requests": {"cpu": 2, "memory": "1Gi"}}}))
    assert found.spec.workers.resources.requests == {"cpu": "2", "memory": "1Gi"}


def test_a_status_holds_no_null_and_only_what_is_known():
    assert runtime.RuntimeDeploymentStatus().body() == {}
    condition = api.Condition(type="Ready", status="True", reason="Ready", message="", last_transition_time=NOON)
    status = runtime.RuntimeDeploymentStatus(conditions=(condition,), revision="3.7")
    assert status.body() == {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": NOON}
        ],
        "revision": "3.7",
    }


def test_a_document_holds_only_what_differs_from_the_defaults():
    document = a_route(deadline="30s", affinity={"header": "session"})
    document["spec"]["backends"][0] |= {"weight": 1, "version": ""}
    written = api.parse(document).document()
    assert written == a_route(deadline="30s", affinity={"header": "session"})


def test_a_resource_cannot_be_changed():
    resource = api.parse(a_route())
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        resource.spec.deadline = "1s"


def test_models_are_made_by_their_python_names_too():
    triton = pools.Triton(model_repository="models", models=(pools.TritonModel(name="m"),))
    assert triton.model_repository == "models"
    assert route.PublicModel(name="shop").model_dump(by_alias=True) == {"name": "shop", "version": ""}


def test_a_route_may_be_renamed_but_not_moved():
    old = api.parse(a_route())
    api.check_update(api.parse(a_route(model={"name": "other", "version": "2"})), old)
    with pytest.raises(api.InvalidResourceError) as caught:
        api.check_update(api.parse(a_route(runtimeRef={"name": "elsewhere"})), old)
    assert caught.value.problems == (api.Problem("spec.runtimeRef.name", route.RUNTIME_IS_FIXED.message),)


@pytest.mark.parametrize("namespace", ["platform", "shops"])
def test_a_route_may_not_move_to_the_runtime_of_another_namespace(namespace):
    here, there = api.parse(a_route()), api.parse(a_route(runtimeRef={"name": "shop", "namespace": namespace}))
    for new, old in ((here, there), (there, here)):
        with pytest.raises(api.InvalidResourceError) as caught:
            api.check_update(new, old)
        assert caught.value.problems == (api.Problem("spec.runtimeRef", route.RUNTIME_IS_FIXED.message),)
    api.check_update(there, there)


def test_a_runtime_may_be_changed_at_will():
    api.check_update(api.parse(a_runtime(callers={"anonymous": "Allow"})), api.parse(a_runtime()))
