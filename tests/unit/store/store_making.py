"""State folders with snapshots in them, for tests."""

from fourplane_core.control.snapshot import (
    Backend,
    Limits,
    Model,
    Pool,
    PoolName,
    Route,
    RouteName,
    Runtime,
)
from fourplane_wire.activation import Activation
from fourplane_wire.signing import SigningKey
from fourplane_wire.snapshot import Encoded, encode_snapshot
from fourplane_worker.store import activations, files, snapshots
from fourplane_worker.store.layout import StateFolder

KEY = SigningKey(b"k" * 32)
STRANGER = SigningKey(b"s" * 32)


def a_runtime(name="default/shop"):
    limits = Limits(
        max_request_bytes=1 << 26,
        max_response_bytes=1 << 26,
        max_metadata_bytes=1 << 14,
        max_streams_per_connection=1024,
        max_deadline_ms=60_000,
        max_stream_ms=600_000,
    )
    return Runtime(name=name, anonymous=True, limits=limits)


def a_pool(*endpoints, name="main"):
    model = Model(name="echo", decoupled=False, inputs=(), outputs=())
    return Pool(name=PoolName(name), endpoints=endpoints, models=(model,))


def a_route(model="echo", deadline_ms=1000):
    backend = Backend(pool=PoolName("main"), model="echo", version="", weight=1)
    return Route(
        name=RouteName(f"default/{model}"), model=model, version="", backends=(backend,), deadline_ms=deadline_ms
    )


def a_snapshot(*routes, runtime=None, pool=None) -> Encoded:
    return encode_snapshot(runtime or a_runtime(), (pool or a_pool("127.0.0.1:1"),), routes or (a_route(),))


def a_state(root, key=KEY) -> StateFolder:
    state = StateFolder(root).create()
    files.write(state.keys / "signing.key", key.pem(), files.PRIVATE)
    files.write(state.keys / "signing.key.pub", key.public.pem())
    return state


def publish(state, encoded, sequence, *, epoch=1, previous=None, key=KEY):
    snapshots.write(state, encoded, key)
    activation = Activation(
        runtime="default/shop", epoch=epoch, sequence=sequence, stable=encoded.digest, previous=previous
    )
    activations.write(state, activation, key)
    return activation
