"""One connection to an engine, shared by many requests."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from fourplane_http2 import ConnectionFailure, Fields, Limits, Role, Stream
from fourplane_worker.front.edge import Batch, Edge
from fourplane_worker.front.lingering import Lingering

if TYPE_CHECKING:
    from fourplane_worker.front.pools import Endpoint

log = logging.getLogger(__name__)

CANCEL, ENHANCE_YOUR_CALM = 8, 11
"""HTTP/2 error codes (RFC 9113, section 7)."""
ENGINE_LIMITS = Limits(
    stream_window=1 << 18, connection_window=1 << 24, max_frame_size=1 << 20, max_header_list_bytes=1 << 16
)
"""What an engine may send: a window of 256 KiB a stream keeps a slow reader from filling memory, and frames of up to
1 MiB need few heads for large tensors; a frame is passed on as it comes, never held."""


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

    def reply_failed(self) -> None:
        """Hear that the worker failed on what the engine said."""
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
        self._lingering = Lingering(self)

    def open(self, leg: Leg, block: bytes, end: bool = False) -> Stream:
        """Send a request's head and return its stream."""
        self.endpoint.in_flight += 1
        self.touch()
        return self.conn.request(block, leg, end)

    def send(self, stream: Stream, data: bytes, end: bool) -> None:
        """Send a piece of a request."""
        self.conn.send_data(stream, data, end)
        self.touch()

    def cancel(self, stream: Stream, *, whole: bool = False) -> None:
        """Forget the stream, and tell the engine to stop; with a whole request, only if it does not end in a moment."""
        if stream.context is None:
            return
        if whole:
            self._lingering.add(stream)
        else:
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
        """Take the first settings as the sign that the engine is there, and later ones as room for who waits."""
        if self.ready:
            self.endpoint.freed()
        else:
            self.ready = True
            self.endpoint.connected(self)

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        """Hand a response's head to its leg."""
        leg: Leg | None = stream.context
        if leg is not None:
            if end:
                self.release(stream)
            self._tell(leg, leg.reply_headers, fields, end)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        """Hand a piece of a response to its leg; nobody waits for what comes after a cancellation."""
        leg: Leg | None = stream.context
        if leg is not None:
            if end:
                self.release(stream)
            self._tell(leg, leg.reply_data, data, end)

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        """Hand a response's status to its leg."""
        leg: Leg | None = stream.context
        if leg is not None:
            self.release(stream)
            self._tell(leg, leg.reply_trailers, fields)

    def on_reset(self, stream: Stream, code: int) -> None:
        """Tell the leg that its stream is over."""
        leg: Leg | None = stream.context
        if leg is not None:
            self.release(stream)
            self._tell(leg, leg.reply_reset, code)

    def on_too_large(self, stream: Stream) -> None:
        """Tell the leg that its engine's metadata can't be taken; the core ends the stream."""
        self.on_reset(stream, ENHANCE_YOUR_CALM)

    def on_refused(self, stream: Stream) -> None:
        """Tell the leg that its request was never looked at."""
        leg: Leg | None = stream.context
        if leg is not None:
            self.release(stream)
            self._tell(leg, leg.reply_refused)

    def on_sent(self, stream: Stream, count: int) -> None:
        """Tell the leg that bytes have left."""
        leg: Leg | None = stream.context
        if leg is not None:
            leg.request_sent(count)

    def _tell(self, leg: Leg, hear: Callable[..., None], *said: object) -> None:
        """Tell a leg; a fault of this worker ends its call, and no other of this connection."""
        try:
            hear(*said)
        except Exception:
            log.exception("a call failed inside the worker", extra={"endpoint": self.endpoint.address})
            leg.reply_failed()

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:  # noqa: ARG002 - streams hear it from the core
        """Open no more streams here, and make a new connection."""
        self.endpoint.left(self)

    def on_end(self, error: ConnectionFailure | None) -> None:
        """Leave the endpoint."""
        if error is not None:
            log.warning("engine connection failed", extra={"endpoint": self.endpoint.address, "reason": error.reason})
        self.endpoint.left(self)

    def lost(self) -> None:
        """Leave the endpoint."""
        self._lingering.stop()
        self.endpoint.left(self)
