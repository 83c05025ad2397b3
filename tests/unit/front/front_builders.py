"""Snapshots and frames for tests: what a test is not about is filled in."""

import struct

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

INFER = b"/inference.GRPCInferenceService/ModelInfer"
STREAM = b"/inference.GRPCInferenceService/ModelStreamInfer"


def some_limits(**changes):
    usual = {
        "max_request_bytes": 1 << 24,
        "max_response_bytes": 1 << 24,
        "max_metadata_bytes": 1 << 14,
        "max_streams_per_connection": 1024,
        "max_deadline_ms": 30_000,
        "max_stream_ms": 60_000,
    }
    return Limits(**(usual | changes))


def a_digest(name):
    return Digest("sha256:" + name * (64 // len(name)))


def a_backend(model="engine-echo", *, pool="main", version="", weight=1, resolved=True):
    return Backend(pool=PoolName(pool), model=model, version=version, weight=weight, resolved=resolved)


def a_route(model="echo", *backends, version="", deadline_ms=0, affinity=""):
    return Route(
        name=RouteName(f"team/{model}"),
        model=model,
        version=version,
        backends=backends or (a_backend(f"engine-{model}"),),
        deadline_ms=deadline_ms,
        affinity_header=affinity,
    )


def a_planner(*routes, digest="1", pools=("main",), anonymous=True, endpoints=None, decoupled=None, **limits):
    """Return a prepared snapshot whose pools declare every model that a resolved backend names.

    All of them are decoupled, unless `decoupled` says which: plain ones get no engine stream.
    """
    routes = routes or (a_route(),)
    backends = [backend for route in routes for backend in route.backends if backend.resolved]
    declared = tuple(
        Pool(
            name=PoolName(pool),
            endpoints=(endpoints or {}).get(pool, ()),
            models=tuple(
                Model(name=name, decoupled=decoupled is None or name in decoupled, inputs=(), outputs=())
                for name in sorted({backend.model for backend in backends if backend.pool == pool})
            ),
        )
        for pool in pools
    )
    runtime = Runtime(name="team/runtime", anonymous=anonymous, limits=some_limits(**limits))
    return prepare(Snapshot(digest=a_digest(digest), runtime=runtime, pools=declared, routes=routes))


def framed(message, flag=0):
    """Return one length-prefixed gRPC message."""
    raw = message if isinstance(message, bytes) else message.SerializeToString()
    return struct.pack(">BI", flag, len(raw)) + raw


def unframed(data):
    """Return the whole messages in length-prefixed bytes."""
    messages, pos = [], 0
    while len(data) - pos >= 5:
        (size,) = struct.unpack_from(">I", data, pos + 1)
        if len(data) - pos - 5 < size:
            break
        messages.append(bytes(data[pos + 5 : pos + 5 + size]))
        pos += 5 + size
    return messages
