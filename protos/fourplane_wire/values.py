"""Entries from bytes: generated messages become checked values, or an error that names what is wrong."""

import re
from collections.abc import Iterable

from fourplane.v1 import snapshot_pb2 as pb
from fourplane_core.control.snapshot import (
    Backend,
    Limits,
    Model,
    Pool,
    PoolName,
    Route,
    RouteName,
    Runtime,
    Telemetry,
    Tensor,
)
from fourplane_wire import canonical
from fourplane_wire.entries import DATATYPES, Value, entry_key
from fourplane_wire.errors import SnapshotInvalidError

_KINDS = {number: kind for kind, number in DATATYPES.items()}
_ENDPOINT = re.compile(r"(?:[^\s:/\[\]]+|\[[0-9A-Fa-f:.%]+\]):([0-9]{1,5})")
_SERVICE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?:([0-9]{1,5})")
_HEADER = re.compile(r"[0-9a-z_.-]*")
_MILLION = 1_000_000
_PORTS = 65536


def value_of(entry: pb.Entry) -> Value:
    """Return the checked value of an entry; the error where it is none knows which entry that was."""
    try:
        return _value(entry)
    except SnapshotInvalidError as error:
        error.entry = entry.key
        raise


def _value(entry: pb.Entry) -> Value:
    where = f"entry {entry.key[:200]!r}"
    kind = entry.WhichOneof("value")
    value: Value
    if kind == "route":
        value = _route(entry.route, where)
    elif kind == "pool":
        value = _pool(entry.pool, where)
    elif kind == "runtime":
        value = _runtime(entry.runtime, where)
    else:
        raise SnapshotInvalidError(f"{where} has no value")
    if entry.key != entry_key(value):
        raise SnapshotInvalidError(f"{where} holds a {kind} whose key is {entry_key(value)!r}")
    return value


def _require(holds: object, where: str, rule: str) -> None:
    if not holds:
        raise SnapshotInvalidError(f"{where}: {rule}")


def _unique(values: Iterable[object], where: str, what: str) -> None:
    seen: set[object] = set()
    for value in values:
        _require(value not in seen, where, f"{what} {value!r} stands there twice")
        seen.add(value)


def _route(route: pb.Route, where: str) -> Route:
    canonical.check_path(route.name, f"{where}: the route's name")
    _require(route.model, where, "the public model has no name")
    _require(route.backends, where, "the route has no backend")
    _require(_HEADER.fullmatch(route.affinity_header), where, f"{route.affinity_header[:80]!r} is no metadata key")
    backends = tuple(
        Backend(
            pool=PoolName(backend.pool),
            model=backend.model,
            version=backend.version,
            weight=backend.weight,
            resolved=backend.resolved,
        )
        for backend in route.backends
    )
    _require(all(backend.pool and backend.model for backend in backends), where, "a backend lacks its pool or model")
    if len(backends) > 1:
        _unique(((backend.pool, backend.model, backend.version) for backend in backends), where, "backend")
    return Route(
        name=RouteName(route.name),
        model=route.model,
        version=route.version,
        backends=backends,
        deadline_ms=route.deadline_ms,
        affinity_header=route.affinity_header,
    )


def _pool(pool: pb.Pool, where: str) -> Pool:
    _require(pool.name and "/" not in pool.name, where, "the pool's name is empty or has a slash")
    for endpoint in pool.endpoints:
        match = _ENDPOINT.fullmatch(endpoint)
        _require(match and 0 < int(match[1]) < _PORTS, where, f"{endpoint[:80]!r} is no HOST:PORT")
    _unique(pool.endpoints, where, "endpoint")
    if pool.service:
        match = _SERVICE.fullmatch(pool.service)
        _require(match and 0 < int(match[1]) < _PORTS, where, f"{pool.service[:80]!r} is no NAME:PORT of a Service")
        _require(not pool.endpoints, where, "the pool has both endpoints and a Service")
    models = tuple(_model(model, where) for model in pool.models)
    _unique((model.name for model in models), where, "model")
    return Pool(name=PoolName(pool.name), endpoints=tuple(pool.endpoints), models=models, service=pool.service)


def _model(model: pb.Model, where: str) -> Model:
    _require(model.name, where, "a model has no name")
    inputs = tuple(_tensor(tensor, where) for tensor in model.inputs)
    outputs = tuple(_tensor(tensor, where) for tensor in model.outputs)
    _unique((tensor.name for tensor in inputs), where, f"input of model {model.name!r}")
    _unique((tensor.name for tensor in outputs), where, f"output of model {model.name!r}")
    return Model(name=model.name, decoupled=model.decoupled, inputs=inputs, outputs=outputs)


def _tensor(tensor: pb.Tensor, where: str) -> Tensor:
    kind = _KINDS.get(tensor.datatype)
    if kind is None:
        raise SnapshotInvalidError(f"{where}: tensor {tensor.name[:80]!r} has the unknown datatype {tensor.datatype}")
    _require(tensor.name, where, "a tensor has no name")
    _require(all(extent >= -1 for extent in tensor.shape), where, f"tensor {tensor.name!r} has an extent below -1")
    return Tensor(name=tensor.name, datatype=kind, shape=tuple(tensor.shape))


def _runtime(runtime: pb.Runtime, where: str) -> Runtime:
    canonical.check_path(runtime.name, f"{where}: the runtime's name")
    limits, telemetry = runtime.limits, runtime.telemetry
    for field in limits.DESCRIPTOR.fields:
        _require(getattr(limits, field.name) > 0, where, f"limit {field.name} is 0")
    _require(telemetry.sample_per_million <= _MILLION, where, "sample_per_million is above one million")
    return Runtime(
        name=runtime.name,
        anonymous=runtime.anonymous,
        limits=Limits(
            max_request_bytes=limits.max_request_bytes,
            max_response_bytes=limits.max_response_bytes,
            max_metadata_bytes=limits.max_metadata_bytes,
            max_streams_per_connection=limits.max_streams_per_connection,
            max_deadline_ms=limits.max_deadline_ms,
            max_stream_ms=limits.max_stream_ms,
        ),
        telemetry=Telemetry(otlp_endpoint=telemetry.otlp_endpoint, sample_per_million=telemetry.sample_per_million),
    )
