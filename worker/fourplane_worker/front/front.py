"""The front of one process: what its connections share, and the swap of the snapshot."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping

from fourplane_core.control.plan import Planner
from fourplane_core.control.snapshot import Limits, PoolName
from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import encode_field
from fourplane_worker.front.client import ClientConnection
from fourplane_worker.front.deadlines import Deadlines
from fourplane_worker.front.edge import Batch
from fourplane_worker.front.pools import Pool
from fourplane_worker.front.sequences import Sequences
from fourplane_worker.front.serving import Serving
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing

_BEFORE_A_SNAPSHOT = Limits(
    max_request_bytes=1 << 26,
    max_response_bytes=1 << 28,
    max_metadata_bytes=1 << 14,
    max_streams_per_connection=1024,
    max_deadline_ms=300_000,
    max_stream_ms=3_600_000,
)
_ROUND_TRIP_S = 2.0
"""How long a client that is asked to leave may take to say that it has heard; calls that it had sent came before."""
_LOOK_EVERY_S = 0.01


class Front:
    """What all connections of one process share."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cells: Cells,
        tracing: Tracing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without a snapshot: every request is refused until one is activated.

        The clock counts seconds as the loop does, but finer: a loop may know whole milliseconds only.
        """
        self.clock = clock
        self.batch = Batch()
        self.deadlines = Deadlines(loop)
        self.cells = cells
        self.tracing = tracing
        self.sequences = Sequences(clock)
        self.clients: set[ClientConnection] = set()
        self.serving: Serving | None = None
        self.limits = _BEFORE_A_SNAPSHOT
        self.digest_block = b""
        self.leaving = False
        """Whether nobody is accepted any more, and clients are asked to go."""
        self.draining = False
        """Whether all clients have gone, or had the time to: no new call is taken."""
        self.held = 0
        """Bytes that calls keep of compressed messages."""
        self.no_snapshot = Refusal(Outcome.SNAPSHOT_MISSING, "this worker has no configuration yet; try again")
        self.pools: dict[PoolName, Pool] = {}
        self.local = Pool("local", self.batch, clock)
        self.local_secret = b""
        """How engines break their models' contracts, by pool, endpoint and engine model."""
        self._loop = loop
        self._discovered: Mapping[str, tuple[str, ...]] = {}
        self._servers: list[asyncio.Server] = []

    def use_local(self, path: str, secret: str) -> None:
        """Pass calls of local services to a Unix socket, with the secret that proves where they come from."""
        self.local_secret = encode_field(b"x-fourplane-secret", secret.encode())
        self.local.set((path,))

    def activate(self, planner: Planner) -> None:
        """Swap the snapshot: a message that is planned from now on lives under the new one."""
        snapshot = planner.snapshot
        for pool in snapshot.pools:
            if pool.name not in self.pools:
                self.pools[pool.name] = Pool(pool.name, self.batch, self.clock)
        serving = Serving(planner, dict(self.pools), self.cells)
        self.serving, self.limits, self.digest_block = serving, serving.limits, serving.digest_block
        self.tracing.configure(serving.telemetry)
        self._follow_endpoints()
        kept = {pool.name for pool in snapshot.pools}
        for name in [name for name in self.pools if name not in kept]:
            self.pools.pop(name).leave()
        for client in tuple(self.clients):
            client.bound()
        self.batch.flush()

    def discover(self, endpoints: Mapping[str, tuple[str, ...]]) -> None:
        """Take where managed pools listen now."""
        self._discovered = endpoints
        self._follow_endpoints()

    def _follow_endpoints(self) -> None:
        if self.serving is not None:
            for pool in self.serving.planner.snapshot.pools:
                self.pools[pool.name].set(pool.endpoints or self._discovered.get(pool.name, ()))

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Accept clients, beside other processes on the same port, and return the port."""
        server = await self._loop.create_server(
            lambda: ClientConnection(self), host, port, ssl=tls, reuse_port=True, backlog=1024
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def drain(self, grace_s: float) -> None:
        """Stop: accept nobody, let calls in flight end for a while and their answers be read, then close."""
        deadline = self.clock() + grace_s
        self.leaving = True
        for server in self._servers:
            server.close()
        for client in tuple(self.clients):
            client.leave()
        self.batch.flush()
        await self._while(lambda client: not client.has_left, min(deadline, self.clock() + _ROUND_TRIP_S))
        self.draining = True
        for client in tuple(self.clients):
            client.goaway()
        self.batch.flush()
        await self._while(lambda client: client.is_busy, deadline)
        for client in tuple(self.clients):
            client.close()
        for pool in (*self.pools.values(), self.local):
            pool.close()
        await asyncio.sleep(0)

    async def _while(self, waits: Callable[[ClientConnection], bool], deadline: float) -> None:
        """Wait as long as any client makes it, or until the deadline."""
        while any(map(waits, self.clients)) and self.clock() < deadline:  # noqa: ASYNC110 - no call pays for telling us
            await asyncio.sleep(_LOOK_EVERY_S)
