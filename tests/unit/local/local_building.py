"""Snapshots and clients for the tests of the local services."""

import asyncio

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

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


async def connected(worker, count=1):
    """Wait until that many engines are connected."""
    pools = worker.front.pools.values()
    while sum(endpoint.usable is not None for pool in pools for endpoint in pool.endpoints.values()) < count:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def failure_of(call):
    """Return status, message and ErrorInfo reason of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailers = dict(caught.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
    assert info.reason == trailers["x-fourplane-outcome"]
    assert info.domain == "fourplane.dev"
    assert (status.code, status.message) == (caught.value.code().value[0], caught.value.details())
    return caught.value.code().name, caught.value.details(), info.reason
