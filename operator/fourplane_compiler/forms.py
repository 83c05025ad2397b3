"""Resources to the values of a snapshot, before anything is looked up."""

from fourplane_api import Anonymous, ModelRoute, RuntimeDeployment
from fourplane_api import pools as api
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


def runtime_form(resource: RuntimeDeployment) -> Runtime:
    """Return what holds for every request."""
    limits, tracing = resource.spec.limits, resource.spec.telemetry.tracing
    return Runtime(
        name=resource.full_name,
        anonymous=resource.spec.callers.anonymous is Anonymous.ALLOW,
        limits=Limits(
            max_request_bytes=limits.max_request_bytes,
            max_response_bytes=limits.max_response_bytes,
            max_metadata_bytes=limits.max_metadata_bytes,
            max_streams_per_connection=limits.max_streams_per_connection,
            max_deadline_ms=limits.max_deadline_ms,
            max_stream_ms=limits.max_stream_duration_ms,
        ),
        telemetry=Telemetry(otlp_endpoint=tracing.endpoint, sample_per_million=tracing.sample_per_million),
    )


def pool_forms(resource: RuntimeDeployment) -> tuple[Pool, ...]:
    """Return the pools; endpoints and models are sorted, since their order has no meaning."""
    return tuple(
        Pool(
            name=PoolName(pool.name),
            endpoints=tuple(sorted(pool.triton.endpoints)),
            models=tuple(sorted((_model(model) for model in pool.triton.models), key=lambda model: model.name)),
            service=str(pool.triton.service),
        )
        for pool in resource.spec.pools
    )


def route_form(resource: ModelRoute) -> Route:
    """Return the route, with every backend as if it existed, in the order of the resource."""
    spec = resource.spec
    return Route(
        name=RouteName(resource.full_name),
        model=spec.model.name,
        version=spec.model.version,
        backends=tuple(
            Backend(pool=PoolName(backend.pool), model=backend.model, version=backend.version, weight=backend.weight)
            for backend in spec.backends
        ),
        deadline_ms=spec.deadline_ms,
        affinity_header=spec.affinity.header,
    )


def _model(model: api.TritonModel) -> Model:
    return Model(
        name=model.name,
        decoupled=model.decoupled,
        inputs=tuple(_tensor(tensor) for tensor in model.inputs),
        outputs=tuple(_tensor(tensor) for tensor in model.outputs),
    )


def _tensor(tensor: api.Tensor) -> Tensor:
    return Tensor(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
