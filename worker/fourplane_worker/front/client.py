"""Connections of clients: each stream becomes an exchange, by its method."""

import asyncio
import logging
from typing import TYPE_CHECKING, cast  # noqa: TID251 - as in `edge`

from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import MAX_ID, ConnectionFailure, ErrorCode, Fields, Limits, Role, Stream
from fourplane_worker.front import methods, reply
from fourplane_worker.front.edge import Edge
from fourplane_worker.front.exchange import NO_ERROR, Exchange
from fourplane_worker.front.head import Head, head_of
from fourplane_worker.front.relay import Relay
from fourplane_worker.front.streaming import METHOD as STREAM_INFER
from fourplane_worker.front.streaming import Streaming
from fourplane_worker.front.unary import METHOD as INFER
from fourplane_worker.front.unary import Unary

if TYPE_CHECKING:
    from fourplane_worker.front.front import Front

log = logging.getLogger(__name__)

_TOO_LARGE = Refusal(
    Outcome.METADATA_TOO_LARGE, "the request's metadata is larger than spec.limits.maxMetadataBytes allows"
)
_DRAINING = Refusal(Outcome.WORKER_DRAINING, "this worker is shutting down; connect again to reach another")
_ENGINE_FAILS = (b"triton_grpc_error", b"true")
_FAULT = Refusal(Outcome.WORKER_ERROR, "the worker failed on this request; its log says more")
_ENGINE_ERRORS = Refusal(
    Outcome.METADATA_MALFORMED,
    "triton_grpc_error is not served, since it makes engines fail; errors come as error_message of the stream",
)


_EXPIRED = Refusal(Outcome.DEADLINE_EXCEEDED, "the deadline had passed before the call began: grpc-timeout is 0")
_JOIN_BELOW = 1 << 15
_HEARD = b"goodbye."
"""Payload of the PING behind a GOAWAY."""


def _judge(head: Head) -> Refusal | None:
    """Return why a call can't be served, from its head alone."""
    if head.path not in methods.SERVED:
        return methods.refusal(head.path)
    if head.refusal is None and head.path == STREAM_INFER and _ENGINE_FAILS in head.metadata:
        return _ENGINE_ERRORS
    return _EXPIRED if head.timeout_ms == 0 and head.refusal is None else head.refusal


_KINDS: dict[bytes, type[Exchange]] = {INFER: Unary, STREAM_INFER: Streaming}
"""What serves a method; any other is relayed."""


class ClientConnection(Edge):
    """One client's connection."""

    def __init__(self, front: "Front") -> None:
        """Bound what the client may do by the snapshot of this moment."""
        limits = front.limits
        super().__init__(
            Role.SERVER,
            Limits(
                max_concurrent_streams=limits.max_streams_per_connection,
                max_header_list_bytes=limits.max_metadata_bytes,
            ),
            front.batch,
            front.clock,
        )
        self.front = front
        self.has_left = False
        """Whether the client knows that no new calls are taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; what came before, such as a TLS handshake that fails, is no connection yet."""
        front = self.front
        front.cells.connections += 1
        front.clients.add(self)
        if front.leaving:
            # Without our SETTINGS a client sends no calls that would have to be refused.
            self._turn_away(transport)
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            # Over TLS the protocol is agreed on (RFC 9113, section 3.2); a client that wants another must not get ours.
            self.conn.fail(ErrorCode.INADEQUATE_SECURITY, "ALPN did not choose h2")
            self._turn_away(transport)
            return
        super().connection_made(transport)
        self.bound()
        front.batch.flush()

    def _turn_away(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.conn.eof()
        self.conn.out.clear()
        self.close()

    def send(self, stream: Stream, pieces: list[bytes]) -> None:
        """Send pieces of a response."""
        conn = self.conn
        size = sum(map(len, pieces))
        self.front.cells.bytes_out += size
        if len(pieces) > 1 and size < _JOIN_BELOW:
            conn.send_data(stream, b"".join(pieces), False)
        else:
            for piece in pieces:
                conn.send_data(stream, piece, False)
        self.touch()

    def discard(self, stream: Stream, data: bytes) -> None:
        """Drop what comes for a call that is over."""
        if data:
            self.conn.credit(stream, len(data))

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        """Begin a call."""
        front = self.front
        head = head_of(fields)
        if head.not_grpc:
            self._not_grpc(stream, head.not_grpc)
            return
        refusal = _DRAINING if front.draining else _judge(head)
        if refusal is not None:
            self._refuse(stream, refusal)
            return
        front.cells.open_calls += 1
        try:
            call = _KINDS.get(head.path, Relay)(front, self, stream, head, self.last_active)
        except Exception:
            log.exception("a call failed inside the worker before it began")
            front.cells.open_calls -= 1
            self._refuse(stream, _FAULT)
            return
        stream.context = call
        if end:
            self._hand(call, b"", True)

    def _hand(self, call: Exchange, data: bytes, end: bool) -> None:
        """Give a call its bytes; a fault of this worker ends that call, and no other."""
        try:
            call.request_data(data, end)
        except Exception:
            log.exception(
                "a call failed inside the worker", extra={"method": call.head.path.decode("ascii", "replace")}
            )
            call.reply_failed()

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        """Give a call a piece of its request."""
        call: Exchange | None = stream.context
        self.front.cells.bytes_in += len(data)
        if call is None:
            self.discard(stream, data)
        else:
            self._hand(call, data, end)

    def on_trailers(self, stream: Stream, fields: Fields) -> None:  # noqa: ARG002 - gRPC requests have none
        """Take trailers as the request's end."""
        if stream.context is not None:
            self._hand(stream.context, b"", True)

    def on_reset(self, stream: Stream, code: int) -> None:
        """End a call that its client gave up."""
        call, stream.context = stream.context, None
        if call is not None:
            call.request_reset(code)

    def on_refused(self, stream: Stream) -> None:
        """Hear what only engines say."""

    def on_sent(self, stream: Stream, count: int) -> None:
        """Let a call's engine go on."""
        if stream.context is not None:
            stream.context.reply_sent(count)

    def on_too_large(self, stream: Stream) -> None:
        """Refuse a call whose metadata, or end one whose trailers, are too large."""
        call: Exchange | None = stream.context
        if call is None:
            self._refuse(stream, _TOO_LARGE)
        else:
            call.refuse_with(_TOO_LARGE)

    def _refuse(self, stream: Stream, refusal: Refusal) -> None:
        self.front.cells.unrouted.ended(refusal.outcome, 0.0)
        block = reply.RESPONSE_HEAD + reply.refusal_block(refusal) + self.front.digest_block
        self.conn.send_headers(stream, block, True)
        if not stream.remote_closed:
            self.conn.reset(stream, NO_ERROR)
        self.touch()

    def _not_grpc(self, stream: Stream, status: int) -> None:
        self.conn.send_headers(stream, reply.not_grpc_block(status))
        self.conn.send_data(stream, reply.NOT_GRPC_TEXT, True)
        self.touch()

    def on_end(self, error: ConnectionFailure | None) -> None:
        """Say why a client's connection failed."""
        if error is not None:
            self.front.cells.connection_failures += 1
            log.info("client connection failed", extra={"code": error.code.name, "reason": error.reason})

    def lost(self) -> None:
        """Forget the connection."""
        self.front.clients.discard(self)

    def bound(self) -> None:
        """Follow the bounds of a new snapshot."""
        limits = self.front.limits
        self.conn.bound(limits.max_streams_per_connection, limits.max_metadata_bytes)
        self.touch()

    def leave(self) -> None:
        """Ask the client to go elsewhere, and to say when it has heard: what comes before is taken."""
        self.conn.goaway(last=MAX_ID)
        self.conn.ping(_HEARD)
        self.touch()

    def on_pong(self, payload: bytes) -> None:
        """Take no new calls once the client has heard that it should leave (RFC 9113, section 6.8)."""
        if payload == _HEARD and self.front.leaving:
            self.goaway()

    def goaway(self) -> None:
        """Take no call above the newest that has come."""
        if not self.has_left:
            self.has_left = True
            self.conn.goaway()
            self.touch()

    @property
    def is_busy(self) -> bool:
        """Whether a call is open, or an answer not sent in full."""
        return bool(self.conn.open_streams) or bool(self.transport and self.transport.get_write_buffer_size())
