"""Owners of a connection for the fuzzers: one that only listens, and one that acts from within every call."""

from collections import Counter
from itertools import cycle

from fourplane_http2 import Connection, ConnectionFailure, Fields, Limits, Role, Stream, encode
from fuzz.wire import RESPONSE, TRAILERS, Pair

RESPONSE_BLOCK, TRAILERS_BLOCK = encode(RESPONSE), encode(TRAILERS)
LARGE_BLOCK = encode([*RESPONSE, (b"x-large", b"l" * 17_000)])
_SIZES = (0, 1, 9, 700, 5000, 17_000, 70_000, 200_000)


class Listener:
    """Write the calls down, and insist on what holds for all of them: a stream that is over is never heard of again."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.heads: dict[int, tuple[Pair, ...]] = {}
        self.bodies: dict[int, bytearray] = {}
        self.endings: Counter[int] = Counter()
        self.remote_ended: set[int] = set()
        self.refused_above = 2**31
        """After our GOAWAY nothing above this comes."""
        self.failure: ConnectionFailure | None = None
        self.over = False

    def _note(self, *call: object) -> None:
        assert not self.over, f"{call} after the end"
        self.calls.append(call)

    def _hear(self, stream: Stream, what: str, *rest: object) -> None:
        self._note(what, stream.id, *rest)
        assert not self.endings[stream.id], f"{what} of stream {stream.id}, which is over"
        assert stream.id not in self.remote_ended, f"{what} of stream {stream.id}, whose peer has ended"

    def _ended(self, stream: Stream) -> None:
        self.remote_ended.add(stream.id)
        assert stream.remote_closed

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        self._hear(stream, "headers", fields.pairs, end)
        assert stream.id not in self.heads
        assert stream.id <= self.refused_above
        self.heads[stream.id] = fields.pairs
        self.bodies.setdefault(stream.id, bytearray())
        if end:
            self._ended(stream)

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        self._hear(stream, "trailers", fields.pairs)
        self._ended(stream)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        self._hear(stream, "data", data, end)
        assert stream.id in self.heads
        assert data or end
        self.bodies[stream.id] += data
        if end:
            self._ended(stream)

    def on_reset(self, stream: Stream, code: int) -> None:
        self._note("reset", stream.id, int(code))
        self._gone(stream)
        assert stream.over

    def on_refused(self, stream: Stream) -> None:
        self._note("refused", stream.id)
        self._gone(stream)
        assert stream.over

    def on_too_large(self, stream: Stream) -> None:
        self._note("too_large", stream.id)
        assert stream.id <= self.refused_above
        self._gone(stream)

    def _gone(self, stream: Stream) -> None:
        self.endings[stream.id] += 1
        assert self.endings[stream.id] == 1, f"stream {stream.id} ended twice"

    def on_sent(self, stream: Stream, count: int) -> None:
        self._note("sent", stream.id, count)

    def on_pong(self, payload: bytes) -> None:
        self._note("pong", payload)

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:
        self._note("goaway", last, code, debug)

    def on_ready(self) -> None:
        self._note("ready")

    def on_end(self, error: ConnectionFailure | None) -> None:
        self._note("end", error)
        self.over = True
        self.failure = error


class Owner(Listener):
    """Act on what comes as a plan of octets says."""

    def __init__(self, role: Role, limits: Limits, plan: bytes) -> None:
        super().__init__()
        self.plan = cycle(plan)
        self.busy = 0
        self.owed: dict[Stream, int] = {}
        self.sent: dict[int, bytearray] = {}
        """What was given to each stream to send."""
        self.begun: set[int] = set()
        """Streams whose answer has a head."""
        self.acts = 0
        self.conn = Connection(role, limits, self)

    # Actions; each is legal whenever it is done.

    def head(self, stream: Stream, large: bool) -> None:
        """Begin an answer."""
        if stream.id not in self.begun and not stream.ending and not stream.over and not self.conn.ended:
            self.begun.add(stream.id)
            self.conn.send_headers(stream, LARGE_BLOCK if large else RESPONSE_BLOCK)

    def body(self, stream: Stream, size: int, end: bool) -> None:
        """Send content, told apart by its stream."""
        if stream.ending or stream.over or self.conn.ended:
            return
        if self.conn.role is Role.SERVER:
            self.head(stream, False)
        data = bytes((stream.id & 0xFF,)) * size
        self.sent.setdefault(stream.id, bytearray()).extend(data)
        self.conn.send_data(stream, data, end)

    def tail(self, stream: Stream) -> None:
        """End with trailers, which are a whole answer if there was none."""
        if not stream.ending and not stream.over and not self.conn.ended:
            alone = self.conn.role is Role.SERVER and stream.id not in self.begun
            self.begun.add(stream.id)
            self.conn.send_headers(stream, RESPONSE_BLOCK + TRAILERS_BLOCK if alone else TRAILERS_BLOCK, True)

    def cancel(self, stream: Stream) -> None:
        """Give a stream up."""
        if not stream.over:
            self.endings[stream.id] += 1
            self.conn.reset(stream, 8)

    def pay(self, stream: Stream, share: int) -> None:
        """Give credit for some of what came."""
        count = self.owed.get(stream, 0) // (share + 1)
        if count:
            self.owed[stream] -= count
            self.conn.credit(stream, count)

    def ask(self, end: bool) -> None:
        """Open a stream, as a client."""
        if self.conn.can_open:
            request = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a")]
            stream = self.conn.request(encode(request), None, end)
            self.begun.add(stream.id)

    def leave(self, soft: bool) -> None:
        """Take no more streams."""
        self.conn.goaway(last=2**31 - 1 if soft else None)
        if self.conn.role is Role.SERVER:
            self.refused_above = min(self.refused_above, self.conn.last_accepted)

    def act(self, stream: Stream | None) -> None:
        """Do one thing that the plan says, unless this is deep within another already."""
        if self.busy > 3 or self.acts > 300:
            return
        self.busy += 1
        self.acts += 1
        try:
            choice = next(self.plan)
            if stream is None:
                self._act_on_connection(choice)
            else:
                self._act_on_stream(stream, choice)
        finally:
            self.busy -= 1

    def _act_on_stream(self, stream: Stream, choice: int) -> None:  # noqa: C901 -- a list
        size = _SIZES[choice >> 4 & 7]
        match choice & 15:
            case 0 | 1:
                self.pay(stream, choice >> 6)
            case 2:
                self.head(stream, choice > 240)
            case 3 | 4:
                self.body(stream, size, False)
            case 5:
                self.body(stream, size, True)
            case 6:
                self.tail(stream)
            case 7 | 8:
                self.body(stream, size, False)
                self.tail(stream)
            case 9:
                self.tail(stream)
                self.cancel(stream)
            case 10:
                self.cancel(stream)
            case 11:
                self._act_on_connection(choice >> 4)
            case _:
                pass

    def _act_on_connection(self, choice: int) -> None:  # noqa: C901 -- a list
        match choice & 15:
            case 0 | 1:
                self.conn.resume()
            case 2:
                self.conn.pause()
            case 3:
                self.conn.ping(b"12345678")
            case 4:
                self.leave(choice & 16 == 0)
            case 5:
                self.conn.bound(choice >> 4, 2000 if choice & 16 else 300)
            case 6 | 7 | 8:
                self.ask(choice & 16 == 0)
            case 9 if choice == 249:
                self.conn.fail(2, "the owner gave up")
            case 10 | 11 | 12:
                for stream in list(self.conn.open_streams.values()):
                    self._act_on_stream(stream, choice >> 4 | choice << 4 & 0xF0)
            case _:
                pass

    # Reactions.

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        super().on_headers(stream, fields, end)
        self.act(stream)

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        super().on_trailers(stream, fields)
        self.act(stream)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        super().on_data(stream, data, end)
        self.owed[stream] = self.owed.get(stream, 0) + len(data)
        self.act(stream)

    def on_too_large(self, stream: Stream) -> None:
        super().on_too_large(stream)
        if self.conn.role is Role.SERVER and next(self.plan) & 1:
            self.tail(stream)

    def on_sent(self, stream: Stream, count: int) -> None:
        super().on_sent(stream, count)
        self.act(stream)

    def on_reset(self, stream: Stream, code: int) -> None:
        super().on_reset(stream, code)
        self.act(None)

    def on_refused(self, stream: Stream) -> None:
        super().on_refused(stream)
        self.act(None)

    def on_ready(self) -> None:
        super().on_ready()
        self.act(None)

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:
        super().on_goaway(last, code, debug)
        self.act(None)

    def on_pong(self, payload: bytes) -> None:
        super().on_pong(payload)
        self.act(None)
