"""The part of a client's stream that goes to a plain model: every request is a ModelInfer call of its own.

A plain model has one answer for each request, so a call says the same as a stream would; and Triton 2.51 crashes where
streams of plain models run beside streams of decoupled ones, whoever their callers are.
"""

from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fourplane_core.outcomes import Code, Outcome
from fourplane_http2 import Fields, Stream
from fourplane_wire.oip import RequestScan, mask_name, stream_error
from fourplane_worker.front import reply
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.ledger import Ledger
from fourplane_worker.front.outgoing import AnswerOutgoing
from fourplane_worker.front.serving import Target
from fourplane_worker.front.unary import METHOD
from fourplane_worker.front.verdicts import engine_verdict, lost, no_pool

if TYPE_CHECKING:
    from fourplane_worker.front.streaming import Streaming

MAX_CALLS = 64
"""Requests of one model that one stream has under way; more are read when one of them is answered."""


class Call:
    """One request of a stream, and its answer."""

    __slots__ = (
        "_engine",
        "_head",
        "_lane",
        "_leg",
        "_requests",
        "_stream",
        "answers",
        "finished",
        "outgoing",
        "parked",
        "scan",
        "target",
    )

    def __init__(self, lane: "Lane", stream: "Streaming", engine: EngineConnection, scan: RequestScan) -> None:
        """Open the call at an engine."""
        self.target = lane.target
        self.scan = scan
        self.outgoing = AnswerOutgoing(self.target.plan.limits.max_response_bytes, self.target.answer_suffix)
        self.answers = Ledger()
        self.parked: list[bytes] = []
        """What the engine said while it was another answer's turn."""
        self.finished = False
        self._head: reply.EngineHead | None = None
        self._requests = Ledger()
        self._lane = lane
        self._stream = stream
        self._engine = engine
        head = stream.head
        block = engine.endpoint.head(METHOD) + stream.timeout_field() + head.block + stream.trace_field()
        self._leg: Stream | None = engine.open(self, block)

    def send(self, pieces: list[bytes], owed: int, *, end: bool) -> None:
        """Pass pieces of the request on, for which the client's window has not been given back by `owed` bytes."""
        if self._leg is None:
            self._stream.pay(owed)
            return
        self._requests.add(sum(map(len, pieces)), owed)
        for piece in pieces[:-1]:
            self._engine.send(self._leg, piece, False)
        if pieces:
            self._engine.send(self._leg, pieces[-1], end)

    def cancel(self, *, whole: bool) -> None:
        """Tell the engine to stop; `whole`: it has all of the request."""
        if self._leg is not None:
            self._engine.cancel(self._leg, whole=whole)
            self._leg = None

    def request_sent(self, count: int) -> None:
        """Let the client send more."""
        stream = self._stream
        stream.pay(self._requests.gone(count))
        if stream.held:
            stream.let_go(count)

    def credit(self, count: int) -> None:
        """Let the engine send more, as far as the client has taken."""
        if self._leg is not None and count:
            self._engine.credit(self._leg, count)

    # From the engine.

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Pass the response's head on, once for the whole stream."""
        if end:
            self.reply_trailers(fields)
        else:
            self._stream.begin_reply(reply.engine_head(fields).block)

    def reply_data(self, data: bytes, end: bool) -> None:
        """Pass the answer on, unless it is another one's turn."""
        stream = self._stream
        if self._lane.source is self and (stream.writer is None or stream.writer is self):
            stream.write(self, data)
        else:
            self.parked.append(data)
        if end and not stream.done:
            self._leg = None
            stream.refuse(Outcome.ENGINE_ERROR, "the engine ended a request without a status")

    def reply_trailers(self, fields: Fields) -> None:
        """Take the engine's status, which counts when it is this request's turn."""
        self._leg = None
        self._head = reply.engine_head(fields)
        self.finished = True
        if self._stream.writer is self:
            self._stream.refuse(Outcome.STREAM_INTERRUPTED, "the engine's response was cut off")
        else:
            self._stream.resume()

    def reply_reset(self, code: int) -> None:
        """End the client's stream: the request may have run."""
        self._leg = None
        self._stream.refuse_with(lost(code, partial=self._lane.answered > 0))

    def reply_failed(self) -> None:
        """End the client's stream for a fault of this worker."""
        self._stream.reply_failed()

    def reply_refused(self) -> None:
        """End the client's stream: its requests are not kept."""
        self._leg = None
        self._stream.refuse(Outcome.ENGINE_REFUSED, "the engine took no more requests; this stream's last never ran")

    def conclude(self) -> None:
        """Say what the engine's status says, once the answer is out: an error answers this request alone."""
        head, stream = self._head, self._stream
        assert head is not None
        if head.status is None or head.status == Code.DEADLINE_EXCEEDED:
            stream.end(*engine_verdict(head, self.target, whole=True))
        elif head.status != Code.OK and not self.outgoing.count:
            said = mask_name(unquote_to_bytes(head.message), self.target.engine_name, self.target.public_name)
            stream.inject(stream_error(said.decode("utf-8", "replace"), self.scan.id))
        elif self.outgoing.count != 1 or not self.outgoing.between:
            stream.refuse(Outcome.STREAM_INTERRUPTED, "the engine's response was cut off")


class Lane:
    """The requests of a stream to one plain model, answered in their order."""

    __slots__ = ("_answered", "_asking", "_calls", "_half_closed", "_stream", "engine", "target")

    bound = None
    """Each request finds its own engine."""

    def __init__(self, stream: "Streaming", target: Target) -> None:
        """Begin without requests."""
        self._stream = stream
        self._calls: deque[Call] = deque()
        self._asking: Call | None = None
        self._half_closed = False
        self._answered = 0
        self.engine: EngineConnection | None = None
        """Where the next request goes."""
        self.target = target

    @property
    def source(self) -> Call | None:
        """The request whose answer is next."""
        return self._calls[0] if self._calls else None

    @property
    def finished(self) -> bool:
        """Whether every request has been answered, and no more come."""
        return self._half_closed and not self._calls

    @property
    def over(self) -> bool:
        """Whether nothing of it is left."""
        return self.finished

    @property
    def answered(self) -> int:
        """How many answers have begun."""
        return self._answered + sum(call.outgoing.count for call in self._calls)

    def count(self) -> None:
        """Count what the engines have answered."""
        self.target.series.messages_out += self.answered

    def is_full(self, scan: RequestScan) -> bool:
        """Tell whether a request must wait: a sequence's for the one before, which might be overtaken."""
        if scan.sequence and any(not call.finished and call.scan.sequence == scan.sequence for call in self._calls):
            return True
        return len(self._calls) >= MAX_CALLS

    def suits(self, target: Target) -> bool:
        """Take any target of the model from now on."""
        self.target = target
        return True

    def open(self, engine: EngineConnection) -> None:
        """Take the engine of the next request."""
        self.engine = engine
        self._stream.opened(self, engine)

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

    def send(self, pieces: list[bytes], owed: int, scan: RequestScan, *, end: bool) -> None:
        """Pass pieces of a request on."""
        call = self._asking
        if call is None:
            assert self.engine is not None
            call = Call(self, self._stream, self.engine, scan)
            self._calls.append(call)
        self._asking = None if end else call
        call.send(pieces, owed, end=end)
        if end and call.finished:
            self._stream.resume()  # the engine answered before it had the whole request

    def half_close(self) -> None:
        """Hear that no more requests come."""
        self._half_closed = True

    def cancel(self, *, whole: bool) -> None:  # noqa: ARG002 - each request is one of its own
        """Tell the engines to stop."""
        for call in self._calls:
            call.cancel(whole=call is not self._asking)
        self.target.pool.forget(self.connected)

    def tidy(self) -> None:
        """Go on to the next answer that is not yet out."""
        calls, stream = self._calls, self._stream
        while calls and calls[0].finished and not calls[0].parked and calls[0] is not self._asking and not stream.done:
            call = calls.popleft()
            self._answered += call.outgoing.count
            call.conclude()
