"""Entries to bytes: each value of a snapshot is encoded once, under its key."""

from typing import TypeAlias, assert_never

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_core.control.snapshot import DataType, Model, Pool, Route, Runtime, Tensor
from fourplane_wire import canonical

Value: TypeAlias = Runtime | Pool | Route
"""What an entry holds."""

DATATYPES: dict[DataType, pb.DataType.ValueType] = {kind: pb.DataType.Value(f"DATA_TYPE_{kind}") for kind in DataType}
"""Element types and their numbers on the wire."""


def entry_key(value: Value) -> str:
    """Return the key that a value stands under."""
    match value:
        case Route():
            return f"route/{value.name}"
        case Pool():
            return f"pool/{value.name}"
        case Runtime():
            return "runtime"
        case _:
            assert_never(value)


def encode_entry(value: Value) -> bytes:
    """Return the entry's bytes, framed so that shards are made by joining them."""
    key = entry_key(value)
    match value:
        case Route():
            entry = pb.Entry(key=key, route=_route(value))
        case Pool():
            entry = pb.Entry(key=key, pool=_pool(value))
        case Runtime():
            entry = pb.Entry(key=key, runtime=_runtime(value))
        case _:
            assert_never(value)
    return canonical.encode(pb.Shard(entries=[entry]))


def _route(route: Route) -> pb.Route:
    return pb.Route(
        name=route.name,
        model=route.model,
        version=route.version,
        backends=[
            pb.Backend(
                pool=backend.pool,
                model=backend.model,
                version=backend.version,
                weight=backend.weight,
                resolved=backend.resolved,
            )
            for backend in route.backends
        ],
        deadline_ms=route.deadline_ms,
        affinity_header=route.affinity_header,
    )


def _pool(pool: Pool) -> pb.Pool:
    return pb.Pool(
        name=pool.name,
        endpoints=pool.endpoints,
        models=[_model(model) for model in pool.models],
        service=pool.service,
    )


def _model(model: Model) -> pb.Model:
    return pb.Model(
        name=model.name,
        decoupled=model.decoupled,
        inputs=[_tensor(tensor) for tensor in model.inputs],
        outputs=[_tensor(tensor) for tensor in model.outputs],
    )


def _tensor(tensor: Tensor) -> pb.Tensor:
    return pb.Tensor(name=tensor.name, datatype=DATATYPES[tensor.datatype], shape=tensor.shape)


def _runtime(runtime: Runtime) -> pb.Runtime:
    limits, telemetry = runtime.limits, runtime.telemetry
    return pb.Runtime(
        name=runtime.name,
        anonymous=runtime.anonymous,
        limits=pb.Limits(
            max_request_bytes=limits.max_request_bytes,
            max_response_bytes=limits.max_response_bytes,
            max_metadata_bytes=limits.max_metadata_bytes,
            max_streams_per_connection=limits.max_streams_per_connection,
            max_deadline_ms=limits.max_deadline_ms,
            max_stream_ms=limits.max_stream_ms,
        ),
        telemetry=pb.Telemetry(otlp_endpoint=telemetry.otlp_endpoint, sample_per_million=telemetry.sample_per_million),
    )
