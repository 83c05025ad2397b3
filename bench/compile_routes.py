"""Compile many routes from nothing, then edit one of them: CPU seconds, their ratio, the bytes that an edit rewrites.

Run: .venv/bin/python bench/compile_routes.py --routes 10000
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

from fourplane_api import ModelRoute, RuntimeDeployment, parse
from fourplane_compiler.compilation import Compilation, compile_all, compile_runtime
from fourplane_compiler.sources import Changes
from fourplane_wire.snapshot import decode_snapshot

API = "fourplane.dev/v1alpha1"
POOLS = 8
T = TypeVar("T")


def runtime() -> RuntimeDeployment:
    """Make a runtime with a few pools."""
    tensor = {"name": "INPUT", "datatype": "FP32", "shape": [-1, 16]}
    model = {"name": "classifier", "inputs": [tensor], "outputs": [tensor | {"name": "OUTPUT"}]}
    pools = [
        {"name": f"pool-{index}", "triton": {"endpoints": [f"triton-{index}.models:8001"], "models": [model]}}
        for index in range(POOLS)
    ]
    document = {"apiVersion": API, "kind": "RuntimeDeployment", "metadata": {"name": "demo"}, "spec": {"pools": pools}}
    resource = parse(document)
    assert isinstance(resource, RuntimeDeployment)
    return resource


def route(index: int, weight: int = 10) -> ModelRoute:
    """Make a canary route."""
    spec = {
        "runtimeRef": {"name": "demo"},
        "model": {"name": f"model-{index}"},
        "backends": [
            {"pool": f"pool-{index % POOLS}", "model": "classifier", "weight": 100 - weight},
            {"pool": f"pool-{(index + 1) % POOLS}", "model": "classifier", "weight": weight},
        ],
        "deadline": "30s",
        "affinity": {"header": "session-id"},
    }
    metadata = {"name": f"route-{index}", "uid": f"uid-{index}", "generation": 1}
    resource = parse({"apiVersion": API, "kind": "ModelRoute", "metadata": metadata, "spec": spec})
    assert isinstance(resource, ModelRoute)
    return resource


def edit(before: Compilation, index: int) -> tuple[Compilation, float]:
    """Change one route's weights."""
    changes = Changes(upserts=(route(index, weight=25),))
    return timed(lambda: compile_runtime(before, changes))


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what a piece of work gives, and its CPU seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def measure(routes: int, edits: int) -> dict[str, object]:
    """Return the figures."""
    resources, parse_s = timed(lambda: [runtime(), *(route(index) for index in range(routes))])
    gc.collect()
    gc.freeze()
    full, full_s = timed(lambda: compile_all("default/demo", resources))
    edited = [edit(full, index * routes // edits) for index in range(edits)]
    whole, one = full.encoded, edited[0][0].encoded
    assert whole and one
    rewritten = {name: len(data) for name, data in one.shards.items() if name not in whole.shards}
    decoded, decode_s = timed(lambda: decode_snapshot(whole.manifest, whole.shards))
    _, swap_s = timed(lambda: decode_snapshot(one.manifest, one.shards, decoded.parts))
    median = statistics.median(took for _, took in edited)
    again = compile_all("default/demo", reversed(resources)).encoded
    return {
        "routes": routes,
        "parse_cpu_s": round(parse_s, 4),
        "full_cpu_s": round(full_s, 4),
        "edit_cpu_s_median": round(median, 6),
        "edit_cpu_s_max": round(max(took for _, took in edited), 6),
        "full_over_edit": round(full_s / median, 1),
        "shards": len(whole.shards),
        "snapshot_bytes": sum(map(len, whole.shards.values())) + len(whole.manifest),
        "manifest_bytes": len(one.manifest),
        "shards_rewritten_by_an_edit": len(rewritten),
        "bytes_rewritten_by_an_edit": sum(rewritten.values()) + len(one.manifest),
        "decode_cpu_s": round(decode_s, 4),
        "swap_decode_cpu_s": round(swap_s, 4),
        "order_has_no_effect": bool(again and again.digest == whole.digest),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, default=10_000)
    parser.add_argument("--edits", type=int, default=50)
    options = parser.parse_args()
    print(json.dumps(measure(options.routes, options.edits), indent=2))


if __name__ == "__main__":
    main()
