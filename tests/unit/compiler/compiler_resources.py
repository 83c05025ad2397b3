"""Resources for tests of the compiler: each says only what its test is about."""

from fourplane_api import InvalidResourceError, parse
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import ROUTE, RUNTIME, Broken
from fourplane_wire.snapshot import decode_snapshot

API = "fourplane.dev/v1alpha1"
RUNTIME_REF = SourceRef(RUNTIME, "default/demo")


def a_document(kind, name, spec, **metadata):
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name} | metadata, "spec": spec}


def a_tensor(name="T", datatype="FP32", shape=(-1,)):
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def a_model(name="m", **fields):
    return {"name": name, "inputs": [a_tensor("IN")], "outputs": [a_tensor("OUT")]} | fields


def a_pool(name="p", *models, endpoints=("triton:8001",), **triton):
    """Make a pool; what else `triton` holds stands in for endpoints."""
    engines = triton or {"endpoints": list(endpoints)}
    return {"name": name, "triton": engines | {"models": list(models) or [a_model()]}}


def a_runtime(*pools, name="demo", **spec):
    return parse(a_document("RuntimeDeployment", name, {"pools": list(pools) or [a_pool()]} | spec))


def a_backend(pool="p", model="m", **fields):
    return {"pool": pool, "model": model} | fields


def a_route(
    name="r",
    *backends,
    namespace="default",
    model=None,
    version="",
    runtime="demo",
    created=None,
    metadata=None,
    **spec,
):
    """Make a route; one of another namespace names that of its runtime."""
    body = {
        "runtimeRef": {"name": runtime} | ({} if namespace == "default" else {"namespace": "default"}),
        "model": {"name": model or name, "version": version},
        "backends": list(backends) or [a_backend()],
    }
    return parse(
        a_document("ModelRoute", name, body | spec, creationTimestamp=created, namespace=namespace, **metadata or {})
    )


def broken(name, kind="ModelRoute", **metadata):
    document = a_document(kind, name, {"nonsense": 1}, **metadata)
    try:
        parse(document)
    except InvalidResourceError as error:
        return Broken.of(error, document)
    raise AssertionError(document)


def route_ref(name):
    return SourceRef(ROUTE, name if "/" in name else f"default/{name}")


def snapshot_of(compilation):
    encoded = compilation.encoded
    return decode_snapshot(encoded.manifest, encoded.shards).snapshot if encoded else None


def routes_of(compilation):
    return {route.name.partition("/")[2]: route for route in snapshot_of(compilation).routes}


def said(compilation, name):
    """Return (reason, field, whether the last good form is served) of what is said about a route."""
    found = compilation.diagnostics.get(route_ref(name), ())
    return [(one.reason, one.field, one.last_good) for one in found]
