"""A front with local services behind it, and a client that knows the secret."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc.aio
import pytest

from fourplane_core.control.plan import prepare
from fourplane_core.control.snapshot import (
    Backend,
    Digest,
    Limits,
    Model,
    Pool,
    PoolName,
    Route,
    RouteName,
    Runtime,
    Snapshot,
)
from fourplane_worker.front.front import Front
from fourplane_worker.local.server import LocalServices
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing

SECRET = "only the front knows"
LIMITS = Limits(
    max_request_bytes=1 << 16,
    max_response_bytes=1 << 20,
    max_metadata_bytes=1 << 14,
    max_streams_per_connection=100,
    max_deadline_ms=2_000,
    max_stream_ms=10_000,
)


def a_model(name="inner", **about):
    return Model(**{"name": name, "decoupled": False, "inputs": (), "outputs": ()} | about)


def a_pool(name="pool", *endpoints, models=None):
    return Pool(name=PoolName(name), endpoints=endpoints, models=models or (a_model(),))


def a_backend(pool="pool", model="inner", version="", weight=1):
    return Backend(pool=PoolName(pool), model=model, version=version, weight=weight)


def a_route(model="public", *backends, version=""):
    return Route(
        name=RouteName(f"default/{model}"),
        model=model,
        version=version,
        backends=backends or (a_backend(),),
        deadline_ms=0,
    )


def a_planner(*parts, anonymous=True, limits=LIMITS):
    return prepare(
        Snapshot(
            digest=Digest("sha256:" + "0" * 64),
            runtime=Runtime(name="default/unit", anonymous=anonymous, limits=limits),
            pools=tuple(part for part in parts if isinstance(part, Pool)),
            routes=tuple(part for part in parts if isinstance(part, Route)),
        )
    )


class Worker:
    """A front, its local services, and calls to them."""

    def __init__(self, front, path):
        self.front = front
        self.path = path
        self._channel = grpc.aio.insecure_channel(f"unix:{path}")

    def unary(self, method, request=b"", *, metadata=(("x-fourplane-secret", SECRET),), timeout=5):
        return self._channel.unary_unary(method)(request, metadata=metadata, timeout=timeout)

    def ask(self, method, request=b"", **how):
        return self.unary(f"/inference.GRPCInferenceService/{method}", request, **how)

    def watch(self, method, request=b""):
        return self._channel.unary_stream(method)(request, metadata=(("x-fourplane-secret", SECRET),), timeout=5)

    def talk(self, method, requests):
        return self._channel.stream_stream(method)(requests, metadata=(("x-fourplane-secret", SECRET),), timeout=5)

    async def close(self):
        await self._channel.close()


@pytest.fixture
async def worker():
    """Run local services on a socket of their own; no port is opened."""
    front = Front(asyncio.get_running_loop(), Cells(), Tracing())
    with TemporaryDirectory(prefix="fp") as folder:  # pytest's own folders have paths too long for a socket
        path = Path(folder, "run", "local.sock")
        services = LocalServices(front, str(path), SECRET)
        await services.start()
        client = Worker(front, path)
        yield client
        await client.close()
        await front.drain(0)
        await services.stop()


@pytest.fixture
def planner():
    """Return a snapshot with one route, to a pool without endpoints."""
    return a_planner(a_pool(), a_route())


@pytest.fixture
def serving(worker, planner):
    """Activate that snapshot."""
    worker.front.activate(planner)
