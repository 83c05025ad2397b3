"""A runtime and any number of its routes, for measuring what numbers of them cost."""

import asyncio

from scale_site import NAMESPACE, RUNTIME

from fourplane_kube import Cluster, Object
from fourplane_kube.kinds import MODEL_ROUTE, RUNTIME_DEPLOYMENT

API = "fourplane.dev/v1alpha1"
MANAGER = "bench"
_POOLS = 8
_AT_ONCE = 8


def a_runtime(engine: int) -> Object:
    """Return a runtime whose pools all lead to one engine."""
    place = {"endpoints": [f"127.0.0.1:{engine}"], "models": [{"name": "engine_echo"}]}
    pools = [{"name": f"pool-{index}", "triton": place} for index in range(_POOLS)]
    spec = {"callers": {"anonymous": "Allow"}, "pools": pools}
    return {"apiVersion": API, "kind": "RuntimeDeployment", "metadata": {"name": RUNTIME}, "spec": spec}


def a_route(index: int, weight: int = 10) -> Object:
    """Return a canary route."""
    backends = [
        {"pool": f"pool-{(index + place) % _POOLS}", "model": "engine_echo", "weight": share}
        for place, share in enumerate((100 - weight, weight))
    ]
    spec = {
        "runtimeRef": {"name": RUNTIME}, "model": {"name": f"model-{index}"}, "backends": backends,
        "deadline": "30s", "affinity": {"header": "session-id"},
    }  # fmt: skip
    return {"apiVersion": API, "kind": "ModelRoute", "metadata": {"name": f"route-{index}"}, "spec": spec}


async def fill(cluster: Cluster, engine: int, routes: int) -> None:
    """Apply everything, while nobody watches."""
    await cluster.apply(RUNTIME_DEPLOYMENT, NAMESPACE, a_runtime(engine), manager=MANAGER)
    waiting = iter(range(routes))

    async def go_on() -> None:
        for index in waiting:
            await cluster.apply(MODEL_ROUTE, NAMESPACE, a_route(index), manager=MANAGER)

    await asyncio.gather(*(go_on() for _ in range(_AT_ONCE)))
