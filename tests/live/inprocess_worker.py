"""One worker process without a supervisor: `python inprocess_worker.py FOLDER < snapshot.json`, until its input ends.

It reads one line of JSON, prints the port that it serves on, and follows further lines as new snapshots. Keys: `pools`
(name -> {endpoints, models}; a model is a name, or {name, decoupled, inputs, outputs} with tensors as [name, datatype,
[extents]]), `routes` (a list of {model, version, backends, deadline_ms}; a backend is [pool, model, version, weight]),
`anonymous`, and `drain` (seconds: shut down with that grace).
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from fourplane_core.control.plan import prepare
from fourplane_core.control.snapshot import (
    Backend,
    DataType,
    Digest,
    Limits,
    Model,
    Pool,
    Route,
    Runtime,
    Snapshot,
    Tensor,
)
from fourplane_worker.front.front import Front
from fourplane_worker.local.server import LocalServices
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing

LIMITS = Limits(
    max_request_bytes=1 << 26,
    max_response_bytes=1 << 28,
    max_metadata_bytes=1 << 14,
    max_streams_per_connection=1024,
    max_deadline_ms=60_000,
    max_stream_ms=600_000,
)


def model_of(said):
    if isinstance(said, str):
        return Model(name=said, decoupled=False, inputs=(), outputs=())
    sides = {
        side: tuple(Tensor(name=n, datatype=DataType(t), shape=tuple(s)) for n, t, s in said.get(side, ()))
        for side in ("inputs", "outputs")
    }
    return Model(name=said["name"], decoupled=said.get("decoupled", False), **sides)


def route_of(said):
    backends = tuple(
        Backend(pool=pool, model=model, version=version, weight=weight)
        for pool, model, version, weight in said["backends"]
    )
    name = f"default/{said['model']}-{said.get('version', '')}".rstrip("-")
    return Route(
        name=name,
        model=said["model"],
        version=said.get("version", ""),
        backends=backends,
        deadline_ms=said.get("deadline_ms", 0),
    )


def planner_of(said):
    pools = tuple(
        Pool(name=name, endpoints=tuple(pool["endpoints"]), models=tuple(map(model_of, pool["models"])))
        for name, pool in said["pools"].items()
    )
    return prepare(
        Snapshot(
            digest=Digest("sha256:" + "0" * 64),
            runtime=Runtime(name="default/live", anonymous=said.get("anonymous", True), limits=LIMITS),
            pools=pools,
            routes=tuple(map(route_of, said["routes"])),
        )
    )


async def main(folder):
    loop = asyncio.get_running_loop()
    front = Front(loop, Cells(), Tracing())
    local = LocalServices(front, str(Path(folder, "run", "local.sock")), "a secret of this run")
    await local.start()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    listening = False
    grace = 0.0
    while line := await lines.readline():
        said = json.loads(line)
        if "drain" in said:
            grace = said["drain"]
            break
        if "routes" in said:
            front.activate(planner_of(said))
        if not listening:
            listening = True
            print(await front.listen("127.0.0.1", 0), flush=True)
        else:
            print("ok", flush=True)
    await front.drain(grace)
    await local.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
