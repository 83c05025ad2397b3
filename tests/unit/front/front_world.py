"""A front on loopback with engines and clients around it, and what must hold after every test."""

import asyncio

from front_builders import a_planner
from front_peers import Engine, Peer, echo

from fourplane_worker.front.front import Front
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing


async def until(ready):
    """Wait for something that tells nobody when it happens."""
    async with asyncio.timeout(5):
        while not ready():  # noqa: ASYNC110 - the product pays nothing to tell a test
            await asyncio.sleep(0.005)


class World:
    """Everything of one test, in one event loop."""

    def __init__(self):
        self.cells = Cells()
        self.expected_failures = []
        """Messages that a test expects in the log as errors."""
        self.engines = {}
        self.clients = []
        self.stopped_engines = []

    async def start(self):
        self.front = Front(asyncio.get_running_loop(), self.cells, Tracing())
        self.port = await self.front.listen("127.0.0.1", 0)
        self.pools = set()

    def activate(self, *routes, **options):
        """Activate a snapshot; its pools' endpoints are the engines that were started for them."""
        planner = a_planner(*routes, **options)
        endpoints = {pool: tuple(engine.address for engine in engines) for pool, engines in self.engines.items()}
        self.front.discover(endpoints)
        self.front.activate(planner)
        self.pools |= set(self.front.pools.values())
        return planner

    async def engine(self, on_call=echo, *, pool="main", port=0, **options):
        engine = await Engine(on_call, **options).start(port)
        self.engines.setdefault(pool, []).append(engine)
        return engine

    async def client(self, **options):
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: Peer(client=True, **options), "127.0.0.1", self.port
        )
        self.clients.append(client)
        return client

    async def serve(self, *routes, on_call=echo, **options):
        """Start one engine and one client, with a snapshot between them."""
        engine = await self.engine(on_call)
        self.activate(*routes, **options)
        return engine, await self.client()

    def outcomes(self):
        """Return how many calls ended how."""
        counts = {}
        for series in self.cells.all():
            for outcome, count in series.outcomes.items():
                if count:
                    counts[outcome.value] = counts.get(outcome.value, 0) + count
        return counts

    def endpoints_ready(self):
        """Return how many endpoints of all pools have a connection."""
        return sum(
            endpoint.usable is not None for pool in self.front.pools.values() for endpoint in pool.endpoints.values()
        )

    async def connected(self, count=1):
        """Wait until so many endpoints have a connection."""
        await until(lambda: self.endpoints_ready() >= count)

    async def settled(self):
        """Wait until no call is open."""
        await until(lambda: not self.cells.open_calls)

    async def stop(self):
        pools = self.pools | {self.front.local}
        self.endpoints = [endpoint for pool in pools for endpoint in pool.endpoints.values()]
        for client in self.clients:
            client.close()
        await until(lambda: not self.front.clients)
        await self._given_up()
        self.streams = sum(len(link.conn.open_streams) for end in self.endpoints for link in end.connections)
        await self.front.drain(0)
        for engine in [engine for engines in self.engines.values() for engine in engines]:
            await engine.stop()
        await until(lambda: all(peer.lost for peer in self._engine_peers()))
        await asyncio.sleep(0.01)
        self.pools = pools

    async def _given_up(self):
        """Wait until calls that nobody waits for have been left to themselves for long enough."""
        links = [link for end in self.endpoints for link in end.connections]
        await until(lambda: not any(stream.context for link in links for stream in link.conn.open_streams.values()))

    def _engine_peers(self):
        return [peer for engines in self.engines.values() for engine in engines for peer in engine.peers]

    def left_over(self):
        """Return what should be nothing after every client has gone."""
        front = self.front
        counts = {
            "open calls": self.cells.open_calls,
            "in flight": sum(endpoint.in_flight for endpoint in self.endpoints),
            "engine streams": self.streams,
            "deadlines": len(front.deadlines._ticks),
            "waiting": sum(pool.waiting for pool in self.pools),
            "unwritten": len(front.batch.dirty),
        }
        return {name: count for name, count in counts.items() if count}

    def violations(self):
        """Return what the peers found to be against the protocol."""
        return [broken for peer in [*self.clients, *self._engine_peers()] for broken in peer.broken]
