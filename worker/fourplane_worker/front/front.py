"""The front of one process: what its connections share, and the swap of the snapshot."""

import asyncio
import ssl
from collections.abc import Mapping

from fourplane_core.control.plan import Planner
from fourplane_core.control.snapshot import Limits, PoolName
from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import MAX_ID, encode_field
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
_ROUND_TRIP_S = 0.2
"""How long calls may still arrive from clients that have not read our GOAWAY."""


class Front:
    """What all connections of one process share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, cells: Cells, tracing: Tracing) -> None:
        """Start without a snapshot: every request is refused until one is activated."""
        self.clock = loop.time
        self.batch = Batch()
        self.deadlines = Deadlines(loop)
        self.cells = cells
        self.tracing = tracing
        self.sequences = Sequences(loop.time)
        self.clients: set[ClientConnection] = set()
        self.serving: Serving | None = None
        self.limits = _BEFORE_A_SNAPSHOT
        self.digest_block = b""
        self.draining = False
        self.held = 0
        """Bytes that calls keep of compressed messages."""
        self.no_snapshot = Refusal(Outcome.SNAPSHOT_MISSING, "this worker has no configuration yet; try again")
        self.pools: dict[PoolName, Pool] = {}
        self.local = Pool("local", self.batch, loop.time)
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
        """Stop: accept nobody, let calls in flight end for a while, then close."""
        for server in self._servers:
            server.close()
        self._goaway(MAX_ID)
        await asyncio.sleep(min(_ROUND_TRIP_S, grace_s))
        self.draining = True
        self._goaway(None)
        deadline = self.clock() + grace_s
        while self.cells.open_calls and self.clock() < deadline:  # noqa: ASYNC110 - no call pays for telling us
            await asyncio.sleep(0.02)
        for client in tuple(self.clients):
            client.close()
        for pool in (*self.pools.values(), self.local):
            pool.close()
        await asyncio.sleep(0)

    def _goaway(self, last: int | None) -> None:
        """Tell every client; first that no call is lost that is on its way (RFC 9113, section 6.8)."""
        for client in tuple(self.clients):
            client.goaway(last)
        self.batch.flush()
