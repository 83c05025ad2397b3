"""Calls that the front does not look into: passed to the local services, or to nobody."""

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fourplane_core.outcomes import Code, Outcome
from fourplane_http2 import Fields, Stream, encode_field
from fourplane_worker.front import reply
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.exchange import Exchange
from fourplane_worker.front.head import Head, timeout_field

if TYPE_CHECKING:
    from fourplane_worker.front.client import ClientConnection
    from fourplane_worker.front.front import Front


_UNTYPED: dict[int | None, Outcome] = {
    Code.CANCELLED: Outcome.CANCELLED,
    Code.INVALID_ARGUMENT: Outcome.MESSAGE_MALFORMED,
    Code.DEADLINE_EXCEEDED: Outcome.DEADLINE_EXCEEDED,
    Code.RESOURCE_EXHAUSTED: Outcome.MESSAGE_TOO_LARGE,
    Code.UNIMPLEMENTED: Outcome.ENCODING_UNSUPPORTED,
}
"""What the local services' gRPC library says by itself, without an outcome."""


class Relay(Exchange):
    """One call of a local service: its bytes pass as they are, both ways."""

    __slots__ = ("_ended", "_engine", "_held", "_leg", "_reply_owed")

    def __init__(self, front: "Front", client: "ClientConnection", stream: Stream, head: Head, started: float) -> None:
        """Begin with the call's head."""
        super().__init__(front, client, stream, head, started)
        self._leg: Stream | None = None
        self._engine: EngineConnection | None = None
        self._held: list[bytes] = []
        self._ended = False
        self._reply_owed = 0
        self.bound(front.limits.max_stream_ms)
        front.local.wait(self._connected)

    def _connected(self, engine: EngineConnection | None) -> None:
        if self.done:
            return
        if engine is None:
            self.refuse(Outcome.WORKER_ERROR, "the worker's local services are not running")
            return
        head = self.head
        block = engine.endpoint.head(head.path) + timeout_field(self.left_ms()) + head.block + self.trace_field()
        if head.encoding != b"identity":
            block += encode_field(b"grpc-encoding", head.encoding)
        self._engine = engine
        self._leg = engine.open(self, block + self.front.local_secret)
        for piece in self._held:
            engine.send(self._leg, piece, False)
        self._held.clear()
        if self._ended:
            engine.send(self._leg, b"", True)

    def request_data(self, data: bytes, end: bool) -> None:
        """Pass a piece of the request on."""
        self.owed += len(data)
        self._ended = self._ended or end
        if self._leg is not None and self._engine is not None:
            self._engine.send(self._leg, data, end)
        elif data:
            self._held.append(data)

    def request_sent(self, count: int) -> None:
        """Let the client send more."""
        self.pay(count)

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Pass the response's head on."""
        head = reply.engine_head(fields)
        if end:
            self._verdict(head)
            return
        self.replied = True
        self.client.conn.send_headers(self.stream, reply.RESPONSE_HEAD + head.block)
        self.client.touch()

    def reply_data(self, data: bytes, end: bool) -> None:
        """Pass a piece of the response on."""
        self._reply_owed += len(data)
        self.client.send(self.stream, [data])
        if end:
            self._leg = None
            self.refuse(Outcome.WORKER_ERROR, "the worker's local services ended the call without a status")

    def reply_trailers(self, fields: Fields) -> None:
        """Pass the status on."""
        self._verdict(reply.engine_head(fields))

    def _verdict(self, head: reply.EngineHead) -> None:
        self._leg = None
        outcome = Outcome.OK if head.status == 0 else head.outcome or _UNTYPED.get(head.status, Outcome.WORKER_ERROR)
        if head.status != 0 and not head.details:
            said = unquote_to_bytes(head.message).decode("utf-8", "replace")
            self.end(outcome, reply.status_block(outcome, said, 2 if head.status is None else head.status) + head.block)
            return
        fields = [encode_field(b"grpc-status", b"%d" % (2 if head.status is None else head.status))]
        if head.message:
            fields.append(encode_field(b"grpc-message", head.message))
        if head.details:
            fields.append(encode_field(b"grpc-status-details-bin", head.details))
        self.end(outcome, b"".join(fields) + head.block)

    def reply_reset(self, code: int) -> None:  # noqa: ARG002 - the services are this worker's own
        """End the call."""
        self._leg = None
        self.refuse(Outcome.WORKER_ERROR, "the worker's local services broke the call off")

    def reply_refused(self) -> None:
        """End the call."""
        self.reply_reset(0)

    def reply_sent(self, count: int) -> None:
        """Let the services send more."""
        if self._leg is not None and self._engine is not None and self._reply_owed:
            paid = min(self._reply_owed, count)
            self._reply_owed -= paid
            self._engine.credit(self._leg, paid)

    def release(self) -> None:
        """Cancel the call."""
        if self._leg is not None and self._engine is not None:
            self._engine.cancel(self._leg)
            self._leg = None
        self.front.local.forget(self._connected)
