"""One worker's front with one route, as the supervisor would start it, for the measurements."""

import argparse
import asyncio
import gc

import uvloop

from fourplane_core.control.plan import prepare
from fourplane_core.control.snapshot import (
    Backend,
    Digest,
    Limits,
    Model,
    Pool,
    PoolName,
    Route,
    RouteName,
    Runtime,
    Snapshot,
)
from fourplane_worker.front.front import Front
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing


def snapshot(upstream: str) -> Snapshot:
    """Return a snapshot whose route `echo` goes to the engine's model `engine_echo`."""
    limits = Limits(
        max_request_bytes=1 << 26,
        max_response_bytes=1 << 26,
        max_metadata_bytes=1 << 14,
        max_streams_per_connection=1024,
        max_deadline_ms=60_000,
        max_stream_ms=600_000,
    )
    pool = PoolName("engine")
    model = Model(name="engine_echo", decoupled=False, inputs=(), outputs=())
    backend = Backend(pool=pool, model=model.name, version="", weight=1)
    return Snapshot(
        digest=Digest("sha256:" + "0" * 64),
        runtime=Runtime(name="default/bench", anonymous=True, limits=limits),
        pools=(Pool(name=pool, endpoints=(upstream,), models=(model,)),),
        routes=(Route(name=RouteName("default/echo"), model="echo", version="", backends=(backend,), deadline_ms=0),),
    )


async def main(port: int, upstream: str) -> None:
    """Serve until killed."""
    front = Front(asyncio.get_running_loop(), Cells(), Tracing())
    front.activate(prepare(snapshot(upstream)))
    await front.listen("127.0.0.1", port)
    gc.collect()
    gc.freeze()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.port, arguments.upstream))
