"""Snapshot values for tests: builders for one, strategies for any."""

from hypothesis import strategies as st

from fourplane_core.control.snapshot import (
    Backend,
    DataType,
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

LIMITS = Limits(
    max_request_bytes=1 << 20,
    max_response_bytes=1 << 20,
    max_metadata_bytes=8192,
    max_streams_per_connection=100,
    max_deadline_ms=60_000,
    max_stream_ms=600_000,
)


def a_runtime(**changes):
    return Runtime(**{"name": "default/demo", "anonymous": True, "limits": LIMITS} | changes)


def a_tensor(name="T", datatype=DataType.FP32, shape=(-1, 4)):
    return Tensor(name=name, datatype=datatype, shape=shape)


def a_model(name="m", **changes):
    return Model(**{"name": name, "decoupled": False, "inputs": (a_tensor(),), "outputs": (a_tensor(),)} | changes)


def a_pool(name="p", *models, endpoints=("triton:8001",)):
    return Pool(name=PoolName(name), endpoints=endpoints, models=models or (a_model(),))


def a_backend(pool="p", model="m", **changes):
    return Backend(**{"pool": PoolName(pool), "model": model, "version": "", "weight": 1} | changes)


def a_route(name="r", *backends, **changes):
    fields = {
        "name": RouteName(f"default/{name}"),
        "model": name,
        "version": "",
        "backends": backends or (a_backend(),),
        "deadline_ms": 0,
    }
    return Route(**fields | changes)


names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=12)
bounds = st.integers(1, 2**63 - 1)
limits = st.builds(
    Limits,
    max_request_bytes=bounds,
    max_response_bytes=bounds,
    max_metadata_bytes=bounds,
    max_streams_per_connection=bounds,
    max_deadline_ms=bounds,
    max_stream_ms=bounds,
)
telemetry = st.builds(
    Telemetry,
    otlp_endpoint=st.sampled_from(("", "http://collector:4318")),
    sample_per_million=st.integers(0, 1_000_000),
)
runtimes = st.builds(Runtime, name=st.just("default/demo"), anonymous=st.booleans(), limits=limits, telemetry=telemetry)
tensors = st.builds(
    Tensor,
    name=texts,
    datatype=st.sampled_from(DataType),
    shape=st.lists(st.integers(-1, 2**40), max_size=4).map(tuple),
)
tensor_lists = st.lists(tensors, max_size=3, unique_by=lambda tensor: tensor.name).map(tuple)
models = st.builds(Model, name=texts, decoupled=st.booleans(), inputs=tensor_lists, outputs=tensor_lists)
addresses = st.builds(
    lambda host, port: f"{host}:{port}", names.filter(lambda name: name[-1] != "-"), st.integers(1, 65535)
)
engines = st.one_of(
    st.tuples(st.lists(addresses, max_size=3, unique=True).map(tuple), st.just("")), st.tuples(st.just(()), addresses)
)
pools = st.builds(
    lambda engines, **fields: Pool(endpoints=engines[0], service=engines[1], **fields),
    engines,
    name=names.map(PoolName),
    models=st.lists(models, min_size=1, max_size=3, unique_by=lambda model: model.name).map(tuple),
)


@st.composite
def routes(draw, known):
    """Draw a route over a list of (pool, model) that exist, and some that don't."""
    targets = st.one_of(st.sampled_from(known), st.tuples(names, texts)) if known else st.tuples(names, texts)
    chosen = draw(st.lists(st.tuples(targets, st.sampled_from(("", "1"))), min_size=1, max_size=4, unique=True))
    backends = tuple(
        Backend(
            pool=PoolName(pool),
            model=model,
            version=version,
            weight=draw(st.integers(0, 1_000_000)),
            resolved=(pool, model) in known,
        )
        for (pool, model), version in chosen
    )
    return Route(
        name=RouteName(f"{draw(names)}/{draw(names)}"),
        model=draw(texts),
        version=draw(st.sampled_from(("", "1", "v2"))),
        backends=backends,
        deadline_ms=draw(st.integers(0, 2**40)),
        affinity_header=draw(st.sampled_from(("", "session-id"))),
    )


@st.composite
def snapshots(draw, max_routes=8):
    """Draw a runtime, its pools and its routes."""
    there = draw(st.lists(pools, max_size=3, unique_by=lambda pool: pool.name))
    known = [(pool.name, model.name) for pool in there for model in pool.models]
    several = draw(
        st.lists(
            routes(known),
            max_size=max_routes,
            unique_by=(lambda route: route.name, lambda route: (route.model, route.version)),
        )
    )
    return draw(runtimes), tuple(there), tuple(several)
