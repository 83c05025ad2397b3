"""What the worker of these tests serves: public names that differ from the engine's, one route for each case."""

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
TENSORS = {
    "add_sub": (
        [("a", "INT32", [-1, 4]), ("b", "INT32", [-1, 4])],
        [("sum", "INT32", [-1, 4]), ("difference", "INT32", [-1, 4])],
    ),
}
"""The engine's name -> its declared inputs and outputs, where a test looks at them."""
HASTY_MS = 300
SMALL_REQUEST_BYTES, SMALL_RESPONSE_BYTES, SMALL_METADATA_BYTES = 4096, 8192, 2048
"""The bounds of the second runtime."""


def snapshot(engine: str, nowhere: str) -> dict:
    """Return pools and routes; `nowhere` is an address at which nobody listens."""
    models = [
        {
            "name": inner,
            "decoupled": public in DECOUPLED,
            "inputs": TENSORS.get(inner, ((), ()))[0],
            "outputs": TENSORS.get(inner, ((), ()))[1],
        }
        for public, inner in PUBLIC.items()
    ]
    routes = [_route(public, ["engine", inner, "", 1]) for public, inner in PUBLIC.items()]
    routes += [
        _route("edition", ["engine", "echo", "1", 1], version="7"),
        _route("edition", ["engine", "parameters", "1", 1], version="8"),
        _route("shared", ["engine", "echo", "1", 3], ["engine", "echo", "", 1]),
        _route("hasty", ["engine", "slow", "", 1], deadline_ms=HASTY_MS),
        _route("orphan", ["engine", "gone", "", 1]),
        _route("unplugged", ["nowhere", "echo", "", 1]),
    ]
    pools = {
        "engine": {"endpoints": [engine], "models": models},
        "nowhere": {"endpoints": [nowhere], "models": [{"name": "echo"}]},
    }
    return {"pools": pools, "routes": routes}


def _route(model: str, *backends: list, version: str = "", deadline_ms: int = 0) -> dict:
    return {"model": model, "version": version, "backends": list(backends), "deadline_ms": deadline_ms}
