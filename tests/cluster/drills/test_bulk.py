"""200 resources at once, 20 of them broken in different ways: the 180 work, and each of the 20 says why and where."""

import pytest
from conformance_calls import Peer, floats
from control_plane import KubectlError
from system_runtime import a_route, a_runtime
from system_worker import eventually

pytestmark = pytest.mark.timeout(180)
GOOD = [f"good-{number}" for number in range(179)]
"""With the runtime, 180."""


def elsewhere(called, **ref):
    """Return a route of another runtime."""
    route = a_route(called, ("main", "left"))
    route["spec"]["runtimeRef"] = ref
    return route


def claims(name, model):
    """Return a route for a model that another one has."""
    return a_route(model, ("main", "left"), name=name)


TOLD = {
    ("ResolvedRefs", "PoolNotFound", "spec.backends[0].pool: "): [
        a_route(f"pool-{number}", (f"none-{number}", "left")) for number in range(3)
    ],
    ("ResolvedRefs", "PoolNotFound", "spec.backends[1].pool: "): [
        a_route(f"half-{number}", ("main", "left"), ("none", "left")) for number in range(2)
    ],
    ("ResolvedRefs", "ModelNotFound", "spec.backends[0].model: "): [
        a_route(f"model-{number}", ("main", f"none-{number}")) for number in range(3)
    ],
    ("ResolvedRefs", "RuntimeNotFound", "spec.runtimeRef"): [
        elsewhere(f"runtime-{number}", name=f"none-{number}") for number in range(3)
    ],
    ("ResolvedRefs", "RuntimeNotFound", "spec.runtimeRef "): [elsewhere("far", name="shop", namespace="kube-public")],
    ("Accepted", "Conflict", "spec.model: "): [claims(f"z-claims-{number}", GOOD[number]) for number in range(3)],
}
"""What the operator says: condition, reason, field; and the routes."""
REFUSED = {
    "spec.deadline": a_route("refused-0", ("main", "left"), deadline="25h"),
    "spec.backends": a_route("refused-1", ("main", "left"), ("main", "left")),
    "spec.backends[0].weight": a_route("refused-2", ("main", "left", -1)),
    "spec.affinity.header": a_route("refused-3", ("main", "left"), affinity={"header": "grpc-timeout"}),
    "spec.model.name": a_route("refused-4", ("main", "left")),
}
"""What the API server says by our definitions: field, and the route."""
REFUSED["spec.model.name"]["spec"]["model"]["name"] = ""


def test_of_200_resources_180_work_and_20_say_why_and_where(site, engine, start):
    start.operator(site)
    worker = start.worker(site, "shop-0")
    broken = [route for routes in TOLD.values() for route in routes]
    assert len(GOOD) + 1 + len(broken) + len(REFUSED) == 200
    runtime = a_runtime({"main": ([engine.address], ["left", "right"])})
    good = [a_route(name, ("main", "left")) for name in GOOD]
    with pytest.raises(KubectlError) as refused:
        site.apply(*broken, *good, runtime, *REFUSED.values())
    for field, route in REFUSED.items():
        said = [line for line in str(refused.value).splitlines() if route["metadata"]["name"] in line]
        assert any(field in line for line in said), (field, said)
    eventually(lambda: ready(site), "179 routes are ready", lambda names: len(names & set(GOOD)) == len(GOOD))
    site.until("rtd", "shop", "Ready", "True")
    with Peer(worker.address) as peer:
        assert {peer.infer(floats(name, [1.0])).code for name in GOOD} == {"OK"}
    for (condition, reason, field), routes in TOLD.items():
        for route in routes:
            told = site.until("mroute", route["metadata"]["name"], condition, "False", reason)
            assert told["message"].startswith(field.strip()), told
    assert ready(site) == set(GOOD)


def ready(site):
    """Return the routes that are Ready."""
    return {
        route["metadata"]["name"]
        for route in site.items("modelroutes")
        for one in route.get("status", {}).get("conditions", ())
        if (one["type"], one["status"]) == ("Ready", "True")
    }
