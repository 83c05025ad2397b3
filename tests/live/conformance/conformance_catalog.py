"""What the worker of these tests serves: public names that differ from the engine's, one route for each case."""

import json
from pathlib import Path

PUBLIC = {
    "mirror": "echo",
    "arithmetic": "add_sub",
    "attributes": "parameters",
    "counter": "accumulator",
    "patience": "slow",
    "mishap": "failing",
    "burst": "repeat",
    "volume": "big_output",
    "lookout": "watched",
    "lighthouse": "watched_stream",
    "ghost": "never_loaded",
}
"""Public name -> the engine's name; the last one is declared, but the engine does not have it."""
DECOUPLED = frozenset({"burst", "lighthouse"})
VANISHING = "vanishing"
"""A model that is declared at first, and then no more: the route to it stays, and answers with an error."""
HASTY_MS = 300
SMALL_REQUEST_BYTES, SMALL_RESPONSE_BYTES, SMALL_METADATA_BYTES = 4096, 8192, 2048
"""The bounds of the second runtime."""


def write(folder: Path, engine: str, nowhere: str, *, small: bool, vanished: bool = False) -> None:
    """Write the resources; `nowhere` is an address at which nobody listens. JSON is YAML too."""
    folder.mkdir(exist_ok=True)
    runtime = folder / "runtime.yaml"
    new = runtime.with_suffix(".new")
    new.write_text(json.dumps(_runtime(engine, nowhere, small, vanished)))
    new.rename(runtime)
    if not vanished:
        (folder / "routes.yaml").write_text("\n---\n".join(map(json.dumps, _routes())))


def _runtime(engine: str, nowhere: str, small: bool, vanished: bool) -> dict:
    models = [{"name": inner, "decoupled": public in DECOUPLED} for public, inner in PUBLIC.items()]
    if not vanished:
        models.append({"name": VANISHING})
    limits = {
        "maxRequestBytes": SMALL_REQUEST_BYTES,
        "maxResponseBytes": SMALL_RESPONSE_BYTES,
        "maxMetadataBytes": SMALL_METADATA_BYTES,
    }
    pools = [
        {"name": "engine", "triton": {"endpoints": [engine], "models": models}},
        {"name": "nowhere", "triton": {"endpoints": [nowhere], "models": [{"name": "echo"}]}},
    ]
    spec = {"callers": {"anonymous": "Allow"}, "limits": limits if small else {}, "pools": pools}
    return _resource("RuntimeDeployment", "conformance", spec)


def _routes() -> list[dict]:
    return [
        *(_route(public, ("engine", inner)) for public, inner in PUBLIC.items()),
        _route("edition", ("engine", "echo", "1"), version="7"),
        _route("edition", ("engine", "parameters", "1"), version="8"),
        _route("shared", ("engine", "echo", "1", 3), ("engine", "echo")),
        _route("hasty", ("engine", "slow"), deadline=f"{HASTY_MS}ms"),
        _route("orphan", ("engine", VANISHING)),
        _route("unplugged", ("nowhere", "echo")),
    ]


def _route(model: str, *backends: tuple, version: str = "", deadline: str | None = None) -> dict:
    spec = {
        "runtimeRef": {"name": "conformance"},
        "model": {"name": model, "version": version},
        "backends": [dict(zip(("pool", "model", "version", "weight"), each, strict=False)) for each in backends],
        "deadline": deadline,
    }
    return _resource("ModelRoute", model + version, spec)


def _resource(kind: str, name: str, spec: dict) -> dict:
    return {"apiVersion": "fourplane.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
