"""One worker process without a supervisor: `python conformance_worker.py FOLDER ENGINE NOWHERE [--small]`.

It prints the port that it serves on, and serves until its input ends.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import uvloop
from conformance_catalog import SMALL_METADATA_BYTES, SMALL_REQUEST_BYTES, SMALL_RESPONSE_BYTES, snapshot

from fourplane_core.control.plan import prepare
from fourplane_core.control.snapshot import (
    Backend,
    DataType,
    Digest,
    Limits,
    Model,
    Pool,
    PoolName,
    Route,
    RouteName,
    Runtime,
    Snapshot,
    Tensor,
)  # fmt: skip
from fourplane_worker.front.front import Front
from fourplane_worker.local.server import LocalServices
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing


def limits(small: bool) -> Limits:
    return Limits(
        max_request_bytes=SMALL_REQUEST_BYTES if small else 1 << 26,
        max_response_bytes=SMALL_RESPONSE_BYTES if small else 1 << 26,
        max_metadata_bytes=SMALL_METADATA_BYTES if small else 1 << 14,
        max_streams_per_connection=1024,
        max_deadline_ms=60_000,
        max_stream_ms=600_000,
    )


def tensors(said: list) -> tuple[Tensor, ...]:
    return tuple(Tensor(name=name, datatype=DataType(kind), shape=tuple(shape)) for name, kind, shape in said)


def pool(name: str, said: dict) -> Pool:
    models = tuple(
        Model(
            name=model["name"],
            decoupled=model.get("decoupled", False),
            inputs=tensors(model.get("inputs", ())),
            outputs=tensors(model.get("outputs", ())),
        )
        for model in said["models"]
    )
    return Pool(name=PoolName(name), endpoints=tuple(said["endpoints"]), models=models)


def route(said: dict) -> Route:
    return Route(
        name=RouteName(f"default/{said['model']}{said['version']}"),
        model=said["model"],
        version=said["version"],
        deadline_ms=said["deadline_ms"],
        backends=tuple(
            Backend(pool=PoolName(pool), model=model, version=version, weight=weight)
            for pool, model, version, weight in said["backends"]
        ),
    )


async def main(folder: Path, engine: str, nowhere: str, small: bool) -> None:
    loop = asyncio.get_running_loop()
    said = snapshot(engine, nowhere)
    front = Front(loop, Cells(), Tracing())
    local = LocalServices(front, str(folder / "local" / "socket"), "a secret of this run")
    await local.start()
    front.activate(
        prepare(
            Snapshot(
                digest=Digest("sha256:" + "5" * 64),
                runtime=Runtime(name="default/conformance", anonymous=True, limits=limits(small)),
                pools=tuple(pool(*item) for item in said["pools"].items()),
                routes=tuple(map(route, said["routes"])),
            )
        )
    )
    print(await front.listen("127.0.0.1", 0), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    await front.drain(1)
    await local.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("engine")
    parser.add_argument("nowhere")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    uvloop.run(main(given.folder, given.engine, given.nowhere, given.small))
