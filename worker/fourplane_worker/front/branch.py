"""The part of a client's stream that one engine model answers: an engine stream of its own."""

from typing import TYPE_CHECKING

from fourplane_core.outcomes import Outcome
from fourplane_http2 import Fields, Stream
from fourplane_wire.oip import RequestScan
from fourplane_worker.front import reply
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.ledger import Ledger
from fourplane_worker.front.outgoing import StreamOutgoing
from fourplane_worker.front.serving import Target
from fourplane_worker.front.verdicts import engine_verdict, lost, no_pool

if TYPE_CHECKING:
    from fourplane_worker.front.streaming import Streaming

METHOD = b"/inference.GRPCInferenceService/ModelStreamInfer"


class Branch:
    """One engine stream of a client's ModelStreamInfer."""

    __slots__ = (
        "_half_closed",
        "_leg",
        "_requests",
        "_stream",
        "answers",
        "engine",
        "finished",
        "outgoing",
        "parked",
        "target",
    )

    def __init__(self, stream: "Streaming", target: Target) -> None:
        """Begin without an engine stream."""
        self._stream = stream
        self.engine: EngineConnection | None = None
        self._leg: Stream | None = None
        self._requests = Ledger()
        self.answers = Ledger()
        """What of the engine's window is given back as answers leave."""
        self._half_closed = False
        self.target = target
        self.outgoing = StreamOutgoing(
            target.plan.limits.max_response_bytes, target.response_suffix, (target.engine_name, target.public_name)
        )
        self.parked: list[bytes] = []
        """What the engine said while another branch was in the middle of a message."""
        self.finished = False

    @property
    def bound(self) -> EngineConnection | None:
        """The engine that every request goes to."""
        return self.engine

    @property
    def source(self) -> "Branch":
        """What is put on the client's stream next."""
        return self

    def is_full(self, scan: RequestScan) -> bool:  # noqa: ARG002 - a stream takes whatever comes
        """Tell whether a request must wait."""
        return False

    def tidy(self) -> None:
        """Let go of nothing: there is one stream from the first request to the last."""

    @property
    def over(self) -> bool:
        """Whether everything that was asked has been answered and passed on."""
        return self.finished and not self.parked

    def suits(self, target: Target) -> bool:
        """Tell whether another request, planned by now, may go the same way."""
        if self.engine is None:
            return True
        endpoint = self.engine.endpoint
        limits = self.target.plan.limits
        return (
            not endpoint.closed
            and self.target.plan.backend.model not in endpoint.broken
            and limits == target.plan.limits
        )

    def count(self) -> None:
        """Count what the engine has answered."""
        self.target.series.messages_out += self.outgoing.count

    # To the engine.

    def open(self, engine: EngineConnection) -> None:
        """Open the engine's stream."""
        stream = self._stream
        head = stream.head
        block = engine.endpoint.head(METHOD) + stream.timeout_field() + head.block + stream.trace_field()
        self.engine = engine
        self._leg = engine.open(self, block)
        stream.opened(self, engine)

    def connected(self, engine: EngineConnection | None) -> None:
        """Go on after the wait for an engine, with it or without."""
        stream = self._stream
        if stream.done:
            return
        stream.waits = None
        if engine is None:
            stream.without(self, no_pool(self.target))
        else:
            self.open(engine)
        stream.advance()

    def send(self, pieces: list[bytes], owed: int, scan: RequestScan, *, end: bool) -> None:  # noqa: ARG002 - as a lane's
        """Pass pieces of requests on, for which the client's window has not been given back by `owed` bytes."""
        if self.engine is not None and self._leg is not None:
            self._requests.add(sum(map(len, pieces)), owed)
            for piece in pieces:
                self.engine.send(self._leg, piece, False)

    def half_close(self) -> None:
        """Tell the engine that no more requests come."""
        if not self._half_closed and self.engine is not None and self._leg is not None:
            self._half_closed = True
            self.engine.send(self._leg, b"", True)

    def cancel(self, *, whole: bool) -> None:
        """Tell the engine to stop; `whole`: it has no half of a request."""
        if self.engine is not None and self._leg is not None:
            self.engine.cancel(self._leg, whole=whole)
            self._leg = None
        else:
            self.target.pool.forget(self.connected)

    def request_sent(self, count: int) -> None:
        """Let the client send more."""
        self._stream.pay(self._requests.gone(count))
        if self._stream.held:
            self._stream.let_go(count)

    def credit(self, count: int) -> None:
        """Let the engine send more, as far as the client has taken."""
        if self._leg is not None and self.engine is not None and count:
            self.engine.credit(self._leg, count)

    # From the engine.

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Pass the response's head on, once for all branches."""
        if end:
            self.reply_trailers(fields)
        else:
            self._stream.begin_reply(reply.engine_head(fields).block)

    def reply_data(self, data: bytes, end: bool) -> None:
        """Pass responses on, unless another branch is in the middle of one."""
        stream = self._stream
        if stream.writer is not None and stream.writer is not self:
            self.parked.append(data)
        else:
            stream.write(self, data)
        if end and not stream.done:
            self._leg = None
            stream.refuse(Outcome.ENGINE_ERROR, "the engine ended the stream without a status")

    def reply_trailers(self, fields: Fields) -> None:
        """Take the engine's status: the client's stream goes on until every branch has ended well."""
        self._leg = None
        self.finished = True
        whole = self.outgoing.between or bool(self.parked)
        outcome, status = engine_verdict(reply.engine_head(fields), self.target, whole=whole)
        if outcome is not Outcome.OK:
            self._stream.end(outcome, status)
        elif self._half_closed:
            self._stream.resume()
        else:
            self._stream.refuse(Outcome.STREAM_INTERRUPTED, "the engine ended the stream before its requests had ended")

    def reply_reset(self, code: int) -> None:
        """End the client's stream: what was asked of this engine may have run."""
        self._leg = None
        self._stream.refuse_with(lost(code, partial=self.outgoing.count > 0))

    def reply_failed(self) -> None:
        """End the client's stream for a fault of this worker."""
        self._stream.reply_failed()

    def reply_refused(self) -> None:
        """End the client's stream: its requests are not kept."""
        self._leg = None
        self._stream.refuse(Outcome.ENGINE_REFUSED, "the engine took no more streams; this one's requests never ran")
