"""One call of a client: what unary calls, streams and relayed calls have in common."""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import Stream
from fourplane_worker.front import reply
from fourplane_worker.front.head import Head, timeout_field
from fourplane_worker.front.messages import BadMessageError
from fourplane_worker.telemetry.cells import Series

if TYPE_CHECKING:
    from fourplane_worker.front.client import ClientConnection
    from fourplane_worker.front.front import Front

MAX_HELD_BYTES = 256 << 20
"""What one process keeps of compressed messages, over all calls: they must be whole before they can be read."""
_SLACK_MS = 1000.0
"""What an engine is given beyond the deadline of a call."""
NO_ERROR, CANCEL = 0, 8
"""HTTP/2 error codes for RST_STREAM (RFC 9113, section 7)."""


class Exchange:
    """A client's stream from its head to its trailers."""

    __slots__ = (
        "client",
        "deadline",
        "done",
        "front",
        "head",
        "held",
        "owed",
        "replied",
        "series",
        "span",
        "started",
        "stream",
        "tick",
    )

    def __init__(self, front: "Front", client: "ClientConnection", stream: Stream, head: Head, started: float) -> None:
        """Begin with a head that was found good."""
        self.front = front
        self.client = client
        self.stream = stream
        self.head = head
        self.started = started
        self.deadline = 0.0
        self.tick = 0
        self.done = False
        self.replied = False
        self.owed = 0
        self.held = 0
        """Bytes of compressed messages, and of what they inflated to, that this call keeps in memory."""
        self.series: Series = front.cells.unrouted
        tracing = front.tracing
        self.span = tracing.begin(head) if tracing.active and tracing.wants(head) else None

    def bound(self, most_ms: float) -> None:
        """Set the deadline: the caller's, and at most this many milliseconds from the start."""
        wanted = self.head.timeout_ms
        allowed = most_ms if wanted is None or wanted > most_ms else wanted
        deadline = self.started + allowed / 1000
        if not self.tick or deadline < self.deadline:
            if self.tick:
                self.front.deadlines.remove(self)
            self.deadline = deadline
            self.front.deadlines.add(self, deadline)

    def left_ms(self) -> float:
        """Return what is left of the deadline, in milliseconds."""
        return (self.deadline - self.front.clock()) * 1000

    def timeout_field(self) -> bytes:
        """Return the encoded grpc-timeout for an engine: the worker ends the call before it does."""
        return timeout_field(self.left_ms() + _SLACK_MS)

    def trace_field(self) -> bytes:
        """Return the encoded traceparent for whoever is called next."""
        return self.head.trace if self.span is None else self.front.tracing.field(self.span)

    def refuse(self, outcome: Outcome, message: str) -> None:
        """End the call with a typed error."""
        self.end(outcome, reply.status_block(outcome, message, about=self.about()))

    def refuse_with(self, refusal: Refusal) -> None:
        """End the call with a refusal."""
        self.refuse(refusal.outcome, refusal.message)

    def about(self) -> Mapping[str, str]:
        """Return what a typed error says about the call beside its reason."""
        return {}

    def end(self, outcome: Outcome, status: bytes) -> None:
        """Send the trailers, free what the call holds, and count it."""
        if self.done:
            return
        self.settle(outcome)
        block = status + reply.OUTCOME_FIELDS[outcome] + self.where()
        conn = self.client.conn
        conn.send_headers(self.stream, block if self.replied else reply.RESPONSE_HEAD + block, True)
        if not self.stream.remote_closed and not self.stream.queued:
            conn.reset(self.stream, NO_ERROR)
        self.client.touch()

    def where(self) -> bytes:
        """Return the trailers that say where the call went."""
        return self.front.digest_block

    def digest(self) -> str:
        """Return the digest of the snapshot that the call lived under."""
        return "" if self.front.serving is None else self.front.serving.digest

    def settle(self, outcome: Outcome) -> None:
        """Mark the call as over, free what it holds, and count it."""
        self.done = True
        self.stream.context = None
        if self.tick:
            self.front.deadlines.remove(self)
        self.release()
        self.let_go(self.held)
        self.front.cells.open_calls -= 1
        self.series.ended(outcome, self.front.clock() - self.started)
        if self.span is not None:
            self.front.tracing.end(self.span, outcome, self.series, self.digest())

    def release(self) -> None:
        """Cancel what still runs for this call."""

    def expire(self) -> None:
        """End the call: its time is up, also for what its client has not read."""
        self.stream.drop_queue()
        took = round((self.deadline - self.started) * 1000)
        self.refuse(Outcome.DEADLINE_EXCEEDED, f"the deadline of {took} ms has passed")
        self.front.batch.flush()

    # What the client's connection reports.

    def request_data(self, data: bytes, end: bool) -> None:
        """Take a piece of the request."""
        raise NotImplementedError

    def request_reset(self, code: int) -> None:  # noqa: ARG002 - whatever the reason, the client is gone
        """Hear that the client gave up."""
        if not self.done:
            self.settle(Outcome.CANCELLED)

    def reply_failed(self) -> None:
        """End the call for a fault of this worker, which the log says more about."""
        self.refuse(Outcome.WORKER_ERROR, "the worker failed on this request; its log says more")

    def reply_sent(self, count: int) -> None:
        """Hear that as many bytes of the response have left."""

    def hold(self, count: int) -> None:
        """Count bytes that no window bounds, and refuse the call where the process keeps too many of them."""
        self.held += count
        self.front.held += count
        if self.front.held > MAX_HELD_BYTES:
            raise BadMessageError(
                Outcome.WORKER_OVERLOADED,
                "this worker is inflating as many messages as it may; try again, or send them uncompressed",
            )

    def let_go(self, count: int) -> None:
        """Count bytes as passed on or dropped."""
        count = min(count, self.held)
        self.held -= count
        self.front.held -= count

    def pay(self, count: int) -> None:
        """Let the client send as many bytes again as have been passed on."""
        if self.owed:
            paid = min(self.owed, count)
            self.owed -= paid
            self.client.conn.credit(self.stream, paid)
            self.client.touch()


def draw() -> int:
    """Return 64 random bits for a choice that nothing in the request decides."""
    return random.getrandbits(64)
