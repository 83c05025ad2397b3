"""Sockets around the sans-IO HTTP/2 core: what every connection, to clients and to engines, has in common."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast  # noqa: TID251 - asyncio hands every protocol a BaseTransport, and uvloop its own class

from fourplane_http2 import Connection, ConnectionFailure, Fields, Limits, Role, Stream

_JOIN_BELOW = 1 << 16
"""Bytes up to which joining the pieces of a write costs less than handing them over one by one."""
_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""Silence after which a peer is asked, between questions (seconds), and how many it may leave unanswered."""
_WRITE_HIGH = 1 << 18
"""Bytes waiting in a socket's buffer above which no more DATA is put there."""


def _keep_alive(transport: asyncio.Transport) -> None:
    """Let TCP find out that a silent peer is gone; engines count HTTP/2 pings without calls as abuse."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in _KEEP_ALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, seconds)


class Batch:
    """Connections with something to write; one write each at the end of a turn."""

    __slots__ = ("dirty",)

    def __init__(self) -> None:
        """Start with nothing to write."""
        self.dirty: list[Edge] = []

    def flush(self) -> None:
        """Write everything that has gathered."""
        while self.dirty:
            turn, self.dirty = self.dirty, []
            for edge in turn:
                edge.flush()


class Edge(asyncio.Protocol):
    """One connection: hands received bytes to the core, and writes what the core wants written."""

    def __init__(self, role: Role, limits: Limits, batch: Batch, clock: Callable[[], float]) -> None:
        """Prepare; the transport comes with `connection_made`."""
        self.conn = Connection(role, limits, self)
        self.batch = batch
        self.clock = clock
        self.transport: asyncio.Transport | None = None
        self.last_active = clock()
        self._is_dirty = False

    def touch(self) -> None:
        """Remember that the core has something to write."""
        if not self._is_dirty:
            self._is_dirty = True
            self.batch.dirty.append(self)

    def flush(self) -> None:
        """Hand the core's bytes to the transport in one write."""
        self._is_dirty = False
        chunks = self.conn.out
        transport = self.transport
        if chunks and transport is not None:
            self.conn.out = []
            if len(chunks) == 1:
                transport.write(chunks[0])
            elif sum(map(len, chunks)) <= _JOIN_BELOW:
                transport.write(b"".join(chunks))
            else:
                transport.writelines(chunks)
        if self.conn.ended and transport is not None and not transport.is_closing():
            transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport and send the preface."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_WRITE_HIGH)
        _keep_alive(self.transport)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Let the core read, then write what came of it, on every connection that it touched."""
        self.last_active = now = self.clock()
        self.touch()
        self.conn.receive(data, now)
        self.batch.flush()

    def eof_received(self) -> bool:
        """Close when the peer does."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason changes nothing
        """Let the core end every stream."""
        self.transport = None  # a write to it would raise inside whichever connection is being served then
        self.conn.eof()
        self.conn.out.clear()
        self.lost()
        self.batch.flush()

    def pause_writing(self) -> None:
        """Hold DATA back while the socket is full."""
        self.conn.pause()

    def resume_writing(self) -> None:
        """Send the DATA that was held back."""
        self.conn.resume()
        self.touch()
        self.batch.flush()

    def close(self) -> None:
        """Close once what is buffered has been written."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def abort(self) -> None:
        """Close now."""
        if self.transport is not None:
            self.transport.abort()

    def lost(self) -> None:
        """Hear that the transport is gone."""

    # What few connections care about.

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:
        """Hear that the peer takes no new streams."""

    def on_ready(self) -> None:
        """Hear that the peer's settings came or changed."""

    def on_pong(self, payload: bytes) -> None:
        """Hear the answer to a ping."""

    def on_end(self, error: ConnectionFailure | None) -> None:
        """Hear that the connection is over."""

    def on_too_large(self, stream: Stream) -> None:
        """Hear that a header block is above the bound."""

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        """Take the head of a request or response."""
        raise NotImplementedError

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        """Take a stream's trailers."""
        raise NotImplementedError

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        """Take a piece of a stream's payload."""
        raise NotImplementedError

    def on_reset(self, stream: Stream, code: int) -> None:
        """Hear that a stream was ended."""
        raise NotImplementedError

    def on_refused(self, stream: Stream) -> None:
        """Hear that a stream was never looked at."""
        raise NotImplementedError

    def on_sent(self, stream: Stream, count: int) -> None:
        """Hear that queued bytes have left."""
        raise NotImplementedError
