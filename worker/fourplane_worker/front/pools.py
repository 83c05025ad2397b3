"""The endpoints of a pool: connections are kept open, and made anew with a jittered back-off."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import TypeAlias

from fourplane_http2 import encode
from fourplane_worker.front.edge import Batch
from fourplane_worker.front.engines import EngineConnection

log = logging.getLogger(__name__)

Then: TypeAlias = Callable[[EngineConnection | None], None]
"""What is called with the connection that a call waited for, or with None."""

_BACKOFF_FIRST_S = 0.1
_BACKOFF_LAST_S = 5.0
_CONNECT_WITHIN_S = 3.0


class Endpoint:
    """One address of a pool, and the connections to it."""

    def __init__(self, address: str, batch: Batch, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        """Prepare; `start` connects. An address is HOST:PORT, or the path of a Unix socket."""
        self.address = address
        self.freed = changed
        """Called when a stream has ended: one that waited may be opened."""
        self.in_flight = 0
        self.connections: list[EngineConnection] = []
        self.failure = ""
        """Why there is no connection; empty while there is one or it is being made for the first time."""
        self.broken: dict[str, str] = {}
        """By engine model: how the engine breaks its declared contract. Nobody is sent there for that model."""
        self._batch = batch
        self._clock = clock
        self._changed = changed
        self._wait_s = _BACKOFF_FIRST_S
        self._task: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] | None = None
        self._heads: dict[bytes, bytes] = {}
        self.closed = False

    def head(self, method: bytes) -> bytes:
        """Return the encoded fields that begin a call of a method here."""
        block = self._heads.get(method)
        if block is None:
            authority = b"localhost" if self.address.startswith("/") else self.address.encode()
            block = self._heads[method] = encode(
                (
                    (b":method", b"POST"),
                    (b":scheme", b"http"),
                    (b":path", method),
                    (b":authority", authority),
                    (b"te", b"trailers"),
                    (b"content-type", b"application/grpc"),
                )
            )
        return block

    @property
    def usable(self) -> EngineConnection | None:
        """A connection that takes another stream."""
        for connection in self.connections:
            if connection.conn.can_open:
                return connection
        return None

    def start(self) -> None:
        """Connect, unless that is under way."""
        if self._task is None and not self.closed:
            self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.closed:
            try:
                await asyncio.wait_for(self._dial(loop), _CONNECT_WITHIN_S)
            except (OSError, TimeoutError, ValueError) as error:
                self._failed(str(error) or type(error).__name__)
            else:
                if self.connections:
                    break
                # It was lost again before this task went on.
            await asyncio.sleep(self._wait_s * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
            self._wait_s = min(self._wait_s * 2, _BACKOFF_LAST_S)
        self._task = None

    async def _dial(self, loop: asyncio.AbstractEventLoop) -> None:
        settled = loop.create_future()
        connection = EngineConnection(self, self._batch, self._clock)
        self._settled = settled
        try:
            if self.address.startswith("/"):
                await loop.create_unix_connection(lambda: connection, self.address)
            else:
                host, _, port = self.address.rpartition(":")
                await loop.create_connection(lambda: connection, host.strip("[]"), int(port))
            await settled
        except BaseException:
            settled.cancel()  # or what the abort brings would be set on a future that nobody reads
            connection.abort()
            raise

    def connected(self, connection: EngineConnection) -> None:
        """Take a connection whose peer has answered."""
        self.failure = ""
        self._wait_s = _BACKOFF_FIRST_S
        self.connections.append(connection)
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)
        self._changed()

    def left(self, connection: EngineConnection) -> None:
        """Forget a connection that takes no more streams, and make another."""
        if connection in self.connections:
            self.connections.remove(connection)
            # What comes meanwhile waits for the first try: engines that restart gracefully lose no request.
            self.start()
            self._changed()
        elif not connection.ready and self._settled is not None and not self._settled.done():
            self._settled.set_exception(ConnectionError("closed before the HTTP/2 settings came"))

    def _failed(self, why: str) -> None:
        self.failure = why
        self._changed()

    def close(self) -> None:
        """Connect no more; what is in flight goes on until it ends."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()
        for connection in tuple(self.connections):
            if not connection.conn.open_streams:
                connection.close()


class Pool:
    """The endpoints of one pool, and the requests that wait for one of them."""

    def __init__(self, name: str, batch: Batch, clock: Callable[[], float]) -> None:
        """Start without endpoints."""
        self.name = name
        self.endpoints: dict[str, Endpoint] = {}
        self._batch = batch
        self._clock = clock
        self._waiting: dict[str, dict[Then, None]] = {}
        self._leaving = False

    def set(self, addresses: tuple[str, ...]) -> None:
        """Follow the given addresses: connect to new ones, leave old ones."""
        for address in addresses:
            if address not in self.endpoints:
                self.endpoints[address] = Endpoint(address, self._batch, self._clock, self._changed)
                self.endpoints[address].start()
        for address in set(self.endpoints) - set(addresses):
            self.endpoints.pop(address).close()
        self._changed()

    def pick(self, model: str = "", avoid: Endpoint | None = None) -> EngineConnection | None:
        """Return a connection to the less loaded of two endpoints, or None where there is none now.

        None is given for an engine model whose contract the endpoint breaks; one to avoid only where there is no other.
        """
        if len(self.endpoints) == 1:
            sole = next(iter(self.endpoints.values()))
            return sole.usable if model not in sole.broken else None
        ready = [
            usable
            for endpoint in self.endpoints.values()
            if model not in endpoint.broken and (usable := endpoint.usable)
        ]
        if avoid is not None:
            ready = [usable for usable in ready if usable.endpoint is not avoid] or ready
        if len(ready) > 1:
            first, second = random.sample(ready, 2)
            return first if first.endpoint.in_flight <= second.endpoint.in_flight else second
        return ready[0] if ready else None

    def wait(self, then: Then, model: str = "") -> None:
        """Call back with a connection for an engine model, or with None once it is known that there is none."""
        self._waiting.setdefault(model, {})[then] = None
        self._changed()

    def forget(self, then: Then) -> None:
        """Wait no longer."""
        for model, waiting in tuple(self._waiting.items()):
            waiting.pop(then, None)
            if not waiting:
                del self._waiting[model]
        self._leave()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(map(len, self._waiting.values()))

    def is_hopeless(self, model: str = "") -> bool:
        """Tell whether every endpoint is known to be of no use for an engine model now."""
        return all(endpoint.failure or model in endpoint.broken for endpoint in self.endpoints.values())

    def _changed(self) -> None:
        if not self._waiting:
            return
        for model, waiting in tuple(self._waiting.items()):
            while waiting:
                connection = self.pick(model)
                if connection is None and not self.is_hopeless(model):
                    break
                then = next(iter(waiting))
                del waiting[then]
                try:
                    then(connection)
                except Exception:
                    log.exception("a call that waited for an engine failed inside the worker")
            if not waiting and self._waiting.get(model) is waiting:
                del self._waiting[model]
        self._leave()
        self._batch.flush()

    def leave(self) -> None:
        """Leave every endpoint, once nobody waits for one any more: who waits was promised this pool."""
        self._leaving = True
        self._leave()

    def _leave(self) -> None:
        if self._leaving and not self._waiting:
            self.close()

    def close(self) -> None:
        """Leave every endpoint."""
        self.set(())
