"""Connections to the endpoints of a pool: kept open, shared by many requests, made anew with a jittered back-off."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from fourplane_http2 import ConnectionFailure, Fields, Limits, Role, Stream, encode
from fourplane_worker.front.edge import MAX_FRAME_BYTES, Batch, Edge

log = logging.getLogger(__name__)

CANCEL, ENHANCE_YOUR_CALM = 8, 11
"""HTTP/2 error codes (RFC 9113, section 7)."""
_BACKOFF_FIRST_S = 0.1
_BACKOFF_LAST_S = 5.0
_CONNECT_WITHIN_S = 3.0
_PING_AFTER_S = 20.0
"""Silence after which a connection with work on it is asked for a sign of life."""
_PONG_WITHIN_S = 10.0
ENGINE_LIMITS = Limits(
    stream_window=1 << 18, connection_window=1 << 24, max_frame_size=MAX_FRAME_BYTES, max_header_list_bytes=1 << 16
)
"""What an engine may send: a window of 256 KiB a stream keeps a slow reader from filling memory."""


class Leg(Protocol):
    """The engine's side of an exchange: the owner of an upstream stream."""

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Take the response's head; with `end` it is a status without a response."""
        ...

    def reply_data(self, data: bytes, end: bool) -> None:
        """Take a piece of the response."""
        ...

    def reply_trailers(self, fields: Fields) -> None:
        """Take the response's status."""
        ...

    def reply_reset(self, code: int) -> None:
        """Hear that the engine or the connection ended the stream; it may have run."""
        ...

    def reply_refused(self) -> None:
        """Hear that the engine never looked at the stream."""
        ...

    def request_sent(self, count: int) -> None:
        """Hear that `count` bytes of the request have left."""
        ...


class EngineConnection(Edge):
    """One HTTP/2 connection to an engine."""

    def __init__(self, endpoint: "Endpoint", batch: Batch, clock: Callable[[], float]) -> None:
        """Prepare for an endpoint."""
        super().__init__(Role.CLIENT, ENGINE_LIMITS, batch, clock)
        self.endpoint = endpoint
        self.ready = False
        self.pinged_at = 0.0

    def open(self, leg: Leg, block: bytes, end: bool = False) -> Stream:
        """Send a request's head and return its stream."""
        self.endpoint.in_flight += 1
        self.touch()
        return self.conn.request(block, leg, end)

    def send(self, stream: Stream, data: bytes, end: bool) -> None:
        """Send a piece of a request."""
        self.conn.send_data(stream, data, end)
        self.touch()

    def cancel(self, stream: Stream) -> None:
        """Tell the engine to stop, and forget the stream."""
        if stream.context is not None:
            self.release(stream)

    def release(self, stream: Stream) -> None:
        """Count the stream as over, and end what is left of it: an engine may answer before the request has ended."""
        stream.context = None
        if not stream.over:
            self.conn.reset(stream, CANCEL)
            self.touch()
        endpoint = self.endpoint
        endpoint.in_flight -= 1
        endpoint.freed()
        if endpoint.closed and not endpoint.in_flight:
            self.conn.goaway()
            self.close()

    def credit(self, stream: Stream, count: int) -> None:
        """Let the engine send as many more bytes."""
        self.conn.credit(stream, count)
        if self.conn.out:
            self.touch()

    def on_ready(self) -> None:
        """Take the first settings as the sign that the engine is there."""
        if not self.ready:
            self.ready = True
            self.endpoint.connected(self)

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        """Hand a response's head to its leg."""
        leg: Leg | None = stream.context
        if leg is not None:
            if end:
                self.release(stream)
            leg.reply_headers(fields, end)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        """Hand a piece of a response to its leg; nobody waits for what comes after a cancellation."""
        leg: Leg | None = stream.context
        if leg is not None:
            if end:
                self.release(stream)
            leg.reply_data(data, end)

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        """Hand a response's status to its leg."""
        leg: Leg | None = stream.context
        if leg is not None:
            self.release(stream)
            leg.reply_trailers(fields)

    def on_reset(self, stream: Stream, code: int) -> None:
        """Tell the leg that its stream is over."""
        leg: Leg | None = stream.context
        if leg is not None:
            self.release(stream)
            leg.reply_reset(code)

    def on_too_large(self, stream: Stream) -> None:
        """Tell the leg that its engine's metadata can't be taken; the core ends the stream."""
        self.on_reset(stream, ENHANCE_YOUR_CALM)

    def on_refused(self, stream: Stream) -> None:
        """Tell the leg that its request was never looked at."""
        leg: Leg | None = stream.context
        if leg is not None:
            self.release(stream)
            leg.reply_refused()

    def on_sent(self, stream: Stream, count: int) -> None:
        """Tell the leg that bytes have left."""
        leg: Leg | None = stream.context
        if leg is not None:
            leg.request_sent(count)

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:  # noqa: ARG002 - streams hear it from the core
        """Open no more streams here, and make a new connection."""
        self.endpoint.left(self)

    def on_pong(self, payload: bytes) -> None:  # noqa: ARG002 - any answer is a sign of life
        """Take the sign of life."""
        self.pinged_at = 0.0

    def on_end(self, error: ConnectionFailure | None) -> None:
        """Leave the endpoint."""
        if error is not None:
            log.warning("engine connection failed", extra={"endpoint": self.endpoint.address, "reason": error.reason})
        self.endpoint.left(self)

    def lost(self) -> None:
        """Leave the endpoint."""
        self.endpoint.left(self)

    def check(self, now: float) -> None:
        """Ask a silent connection for a sign of life; end one that gives none."""
        if self.pinged_at:
            if now - self.pinged_at > _PONG_WITHIN_S:
                self.abort()
        elif now - self.last_active > _PING_AFTER_S:
            self.pinged_at = now
            self.conn.ping(b"fourplan")
            self.touch()


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

    def check(self, now: float) -> None:
        """Look after silent connections."""
        for connection in tuple(self.connections):
            connection.check(now)

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
        self._waiting: list[Callable[[EngineConnection | None], None]] = []

    def set(self, addresses: tuple[str, ...]) -> None:
        """Follow the given addresses: connect to new ones, leave old ones."""
        for address in addresses:
            if address not in self.endpoints:
                self.endpoints[address] = Endpoint(address, self._batch, self._clock, self._changed)
                self.endpoints[address].start()
        for address in set(self.endpoints) - set(addresses):
            self.endpoints.pop(address).close()
        self._changed()

    def pick(self, avoid: Endpoint | None = None) -> EngineConnection | None:
        """Return a connection to the less loaded of two endpoints, or None where there is none now.

        An endpoint to avoid is taken only where there is no other.
        """
        if len(self.endpoints) == 1:
            return next(iter(self.endpoints.values())).usable
        ready = [usable for endpoint in self.endpoints.values() if (usable := endpoint.usable)]
        if avoid is not None:
            ready = [usable for usable in ready if usable.endpoint is not avoid] or ready
        if len(ready) > 1:
            first, second = random.sample(ready, 2)
            return first if first.endpoint.in_flight <= second.endpoint.in_flight else second
        return ready[0] if ready else None

    def wait(self, then: Callable[[EngineConnection | None], None]) -> None:
        """Call back with a connection, or with None once it is known that no endpoint can be reached."""
        self._waiting.append(then)
        self._changed()

    def forget(self, then: Callable[[EngineConnection | None], None]) -> None:
        """Wait no longer."""
        if then in self._waiting:
            self._waiting.remove(then)

    @property
    def failure(self) -> str:
        """Why no endpoint can be reached; empty while one may be."""
        if not self.endpoints:
            return "the pool has no endpoints"
        reasons = [f"{endpoint.address}: {endpoint.failure}" for endpoint in self.endpoints.values()]
        return "; ".join(reasons) if all(endpoint.failure for endpoint in self.endpoints.values()) else ""

    def _changed(self) -> None:
        while self._waiting:
            connection = self.pick()
            if connection is None and not self.failure:
                return
            then = self._waiting.pop(0)
            try:
                then(connection)
            except Exception:
                log.exception("a call that waited for an engine failed inside the worker")
        self._batch.flush()

    def check(self, now: float) -> None:
        """Look after silent connections."""
        for endpoint in self.endpoints.values():
            endpoint.check(now)

    def close(self) -> None:
        """Leave every endpoint."""
        self.set(())
