"""The client's side of a stream: what several engines say, put on it one whole message after the other."""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from fourplane_core.outcomes import Outcome
from fourplane_http2 import Stream
from fourplane_worker.front import reply
from fourplane_worker.front.exchange import Exchange
from fourplane_worker.front.head import Head
from fourplane_worker.front.ledger import Ledger
from fourplane_worker.front.messages import BadMessageError, prefix
from fourplane_worker.front.outgoing import Outgoing

if TYPE_CHECKING:
    from fourplane_worker.front.client import ClientConnection
    from fourplane_worker.front.front import Front


class Source(Protocol):
    """One engine's stream or call, whose messages go out on the client's stream."""

    answers: Ledger
    """What of the engine's window is given back as answers leave."""
    parked: list[bytes]
    """What the engine said while it was another source's turn."""
    finished: bool
    """Whether the engine has said everything."""

    @property
    def outgoing(self) -> Outgoing:
        """The messages on their way."""
        ...

    def credit(self, count: int) -> None:
        """Let the engine send more."""
        ...


class Merging(Exchange):
    """A call whose answer is made of several sources' messages."""

    __slots__ = ("_injected", "_order", "writer")

    def __init__(self, front: "Front", client: "ClientConnection", stream: Stream, head: Head, started: float) -> None:
        """Begin with the call's head."""
        super().__init__(front, client, stream, head, started)
        self._injected: list[bytes] = []
        self._order: deque[tuple[Source | None, int]] = deque()
        self.writer: Source | None = None
        """The source that is in the middle of a message."""

    def tidy(self) -> None:
        """Let go of sources that have said everything; it may inject or refuse."""

    def sources(self) -> Iterable[Source]:
        """Return the sources whose turn may come."""
        raise NotImplementedError

    def rest(self) -> None:
        """Hear that nothing waits to be put out."""

    def begin_reply(self, block: bytes) -> None:
        """Send the response's head, once."""
        if not self.replied and not self.done:
            self.replied = True
            self.client.conn.send_headers(self.stream, reply.RESPONSE_HEAD + block)
            self.client.touch()

    def inject(self, message: bytes) -> None:
        """Put a message of the worker's own out, as soon as no other is half out."""
        self._injected.append(prefix(len(message)) + message)

    def write(self, source: Source, data: bytes) -> None:
        """Pass on what a source says; in the middle of a message it keeps the others waiting."""
        self._put(source, data)
        self.resume()

    def _put(self, source: Source, data: bytes) -> None:
        out: list[bytes] = []
        try:
            source.outgoing.feed(data, out)
        except BadMessageError as error:
            self.refuse(error.outcome, error.message)
            return
        if out:
            size = sum(map(len, out))
            source.answers.add(size, len(data))
            self._order.append((source, size))
            self.client.send(self.stream, out)
        else:
            source.credit(len(data))
        self.writer = source if source.outgoing.amid else None
        if source.finished and not source.outgoing.between:
            self.refuse(Outcome.STREAM_INTERRUPTED, "the engine's last response was cut off")

    def resume(self) -> None:
        """Between two messages, let the others have their turn."""
        while self.writer is None and not self.done:
            self.tidy()
            if not self._take_turn():
                return

    def _take_turn(self) -> bool:
        """Put out what waits, as far as it goes without another turn; false where nothing is left."""
        if self.done:
            return False
        if self._injected:
            out, self._injected = self._injected, []
            self.begin_reply(b"")
            self._order.append((None, sum(map(len, out))))
            self.client.send(self.stream, out)
        source = next((source for source in self.sources() if source.parked), None)
        if source is None:
            self.rest()
            return False
        data, source.parked = b"".join(source.parked), []
        self._put(source, data)
        return True

    def reply_sent(self, count: int) -> None:
        """Let the sources send more whose messages have left."""
        order = self._order
        while count and order:
            source, size = order[0]
            step = min(size, count)
            count -= step
            if step == size:
                order.popleft()
            else:
                order[0] = (source, size - step)
            if source is not None:
                source.credit(source.answers.gone(step))
