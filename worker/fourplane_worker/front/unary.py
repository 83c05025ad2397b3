"""ModelInfer: one request message to an engine, one response message back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import Fields, Stream
from fourplane_worker.front import reply
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.exchange import Exchange
from fourplane_worker.front.head import Head
from fourplane_worker.front.incoming import Incoming
from fourplane_worker.front.messages import KEEP_BYTES, BadMessageError
from fourplane_worker.front.outgoing import Outgoing
from fourplane_worker.front.serving import Target
from fourplane_worker.front.verdicts import engine_verdict, lost, no_pool

if TYPE_CHECKING:
    from fourplane_worker.front.client import ClientConnection
    from fourplane_worker.front.front import Front

REFUSED_STREAM = 7
"""HTTP/2 error code (RFC 9113, section 7)."""
METHOD = b"/inference.GRPCInferenceService/ModelInfer"


class Unary(Exchange):
    """One ModelInfer call."""

    __slots__ = ("attempts", "begun", "engine", "incoming", "kept", "leg", "outgoing", "reply_owed", "target", "waits")

    def __init__(self, front: "Front", client: "ClientConnection", stream: Stream, head: Head, started: float) -> None:
        """Begin with the call's head."""
        super().__init__(front, client, stream, head, started)
        limits = front.limits
        self.incoming = Incoming(limits.max_request_bytes, head.encoding)
        self.target: Target | None = None
        self.engine: EngineConnection | None = None
        self.leg: Stream | None = None
        self.outgoing: Outgoing | None = None
        self.begun = False
        self.waits = False
        self.kept = b""
        self.attempts = 0
        self.reply_owed = 0
        self.bound(limits.max_deadline_ms)

    def about(self) -> Mapping[str, str]:
        """Name the model in errors."""
        return {} if self.target is None else {"model": self.target.plan.route.model}

    def where(self) -> bytes:
        """Say where the call went."""
        return self.front.digest_block if self.target is None else self.target.where

    def digest(self) -> str:
        """Return the digest that the call was planned under."""
        return super().digest() if self.target is None else self.target.digest

    # From the client.

    def request_data(self, data: bytes, end: bool) -> None:
        """Read, plan and pass on the request message."""
        try:
            if data:
                self._read(data)
            if end and not self.incoming.complete:
                raise BadMessageError(Outcome.MESSAGE_MALFORMED, "the request ended before its message did")
            if self.leg is None:
                if self.incoming.ready and self.target is None:
                    self._plan()
            elif data:
                self._pump()
        except BadMessageError as error:
            self.refuse(error.outcome, error.message)

    def _read(self, data: bytes) -> None:
        incoming = self.incoming
        if incoming.feed(data, 0) < len(data) or (incoming.complete and self.begun and not incoming.body):
            raise BadMessageError(Outcome.MESSAGE_MALFORMED, "ModelInfer takes one message, and more came")
        self.owed += len(data)
        if incoming.compressed:
            self.pay(len(data))
            self.hold(len(data))
            if incoming.complete:
                self.let_go(self.held)
                self.hold(incoming.size)

    def _plan(self) -> None:
        serving = self.front.serving
        if serving is None:
            self.refuse_with(self.front.no_snapshot)
            return
        incoming = self.incoming
        target = None if incoming.scan.sequence else serving.settled(incoming.scan)
        pinned = None
        if target is None:
            pinned = self.front.sequences.find(incoming.scan)
            chosen = serving.choose(incoming, self.head.value, pinned)
            if isinstance(chosen, Refusal):
                self.refuse_with(chosen)
                return
            target = chosen
        engine = pinned.engine if pinned else target.pool.pick(target.plan.backend.model)
        self.target = target
        self.series = target.series
        if target.plan.deadline_ms < self.front.limits.max_deadline_ms:
            self.bound(target.plan.deadline_ms)
        if engine is not None:
            self._connected(engine)
        elif pinned is not None:
            self.refuse(Outcome.ENGINE_LOST, "the engine of this sequence is gone; start the sequence again")
        else:
            self._wait(target)

    def _wait(self, target: Target) -> None:
        self.waits = True
        target.pool.wait(self._connected, target.plan.backend.model)

    def _connected(self, engine: EngineConnection | None) -> None:
        self.waits = False
        target = self.target
        if self.done or target is None:
            return
        if engine is None:
            self.refuse_with(no_pool(target))
            return
        if self.attempts:
            engine.send(self._open(engine), self.kept, True)
            return
        self.outgoing = Outgoing(target.plan.limits.max_response_bytes, target.response_suffix)
        self._open(engine)
        self.front.sequences.keep(self.incoming.scan, target, engine)
        self._pump()

    def _open(self, engine: EngineConnection) -> Stream:
        self.engine = engine
        self.attempts += 1
        block = engine.endpoint.head(METHOD) + self.timeout_field() + self.head.block + self.trace_field()
        leg = self.leg = engine.open(self, block)
        return leg

    def _pump(self) -> None:
        incoming, target, engine, leg = self.incoming, self.target, self.engine, self.leg
        assert target is not None and engine is not None and leg is not None
        last = incoming.complete
        pieces = incoming.take(target.request_suffix, not self.begun)
        if last and not self.begun and incoming.size <= KEEP_BYTES:
            self.kept = b"".join(pieces)
            pieces = [self.kept]
        self.begun = True
        for piece in pieces[:-1]:
            engine.send(leg, piece, False)
        if pieces:
            engine.send(leg, pieces[-1], last)

    def request_sent(self, count: int) -> None:
        """Let the client send more, as far as the engine has taken."""
        if not self.incoming.complete:
            self.pay(count)
        elif self.held:
            self.let_go(count)

    # From the engine.

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Pass the response's head on."""
        head = reply.engine_head(fields)
        if end:
            self._verdict(head)
        else:
            self.replied = True
            self.client.conn.send_headers(self.stream, reply.RESPONSE_HEAD + head.block)
            self.client.touch()

    def reply_data(self, data: bytes, end: bool) -> None:
        """Pass the response on."""
        outgoing = self.outgoing
        assert outgoing is not None
        out: list[bytes] = []
        try:
            outgoing.feed(data, out)
        except BadMessageError as error:
            self.refuse(error.outcome, error.message)
            return
        self.reply_owed += len(data)
        self.client.send(self.stream, out)
        if end:
            self.leg = None
            self.refuse(Outcome.ENGINE_ERROR, "the engine ended the call without a status")

    def reply_trailers(self, fields: Fields) -> None:
        """Pass the status on."""
        self._verdict(reply.engine_head(fields))

    def _verdict(self, head: reply.EngineHead) -> None:
        self.leg = None
        assert self.target is not None
        assert self.outgoing is not None
        self.end(*engine_verdict(head, self.target, whole=self.outgoing.between))

    def reply_reset(self, code: int) -> None:
        """End the call: it may have run, so it is not tried again."""
        self.leg = None
        self.refuse_with(lost(code, partial=self.replied))

    def reply_refused(self) -> None:
        """Try once more where the request is still at hand: it never ran."""
        if self.replied:
            self.reply_reset(REFUSED_STREAM)
            return
        self.leg = None
        target, engine = self.target, self.engine
        if self.kept and self.attempts == 1 and target and engine and not self.incoming.scan.sequence:
            other = target.pool.pick(target.plan.backend.model, avoid=engine.endpoint)
            if other is not None:
                self._connected(other)
            else:
                self._wait(target)
            return
        self.refuse(Outcome.ENGINE_REFUSED, "the engine took no more requests; this one never ran")

    def reply_sent(self, count: int) -> None:
        """Let the engine send more, as far as the client has taken."""
        if self.leg is not None and self.engine is not None and self.outgoing is not None and self.outgoing.amid:
            paid = min(self.reply_owed, count)
            self.reply_owed -= paid
            self.engine.credit(self.leg, paid)

    def release(self) -> None:
        """Cancel the engine's work."""
        if self.leg is not None and self.engine is not None:
            self.engine.cancel(self.leg, whole=self.incoming.complete)
            self.leg = None
        elif self.waits and self.target is not None:
            self.target.pool.forget(self._connected)
