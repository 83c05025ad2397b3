"""One stream: its state, its windows and what waits to be sent on it."""

from collections import deque
from typing import Any, Final

from .states import OVER, SENDING, State

UNKNOWN: Final = -1
NO_HEAD: Final = -2


class Stream:
    """One request and its answer; made by the connection, `context` belongs to the owner."""

    __slots__ = (
        "context",
        "ending",
        "expected",
        "id",
        "queue",
        "queued",
        "ready",
        "receive_window",
        "send_window",
        "state",
        "trailers",
        "uncredited",
    )

    def __init__(
        self, stream_id: int, state: State, send_window: int, receive_window: int, context: object = None
    ) -> None:
        self.id = stream_id
        self.context: Any = context  # the owner knows its type
        self.state = state
        self.send_window = send_window
        """Bytes that the peer lets us send; below zero after it shrank its windows."""
        self.receive_window = receive_window
        """Bytes that we let the peer send."""
        self.uncredited = 0
        """Bytes consumed but not yet given back to the peer."""
        self.queued = 0
        """Bytes of DATA that wait for a window or for the transport."""
        self.queue: deque[bytes | memoryview] | None = None
        self.trailers: bytes | None = None
        """The block that goes out behind the queued DATA."""
        self.ending = False
        """The owner has ended its side; END_STREAM may still wait behind queued DATA."""
        self.ready = False
        """It stands in the connection's rotation."""
        self.expected = NO_HEAD
        """Bytes of DATA still to come by the peer's content-length, or UNKNOWN, or NO_HEAD before its head came."""

    @property
    def local_closed(self) -> bool:
        """Tell whether END_STREAM or a reset has left: nothing more goes out."""
        return self.state not in SENDING

    @property
    def remote_closed(self) -> bool:
        """Tell whether the peer has ended its side."""
        return self.state is not State.OPEN and self.state is not State.HALF_CLOSED_LOCAL

    @property
    def over(self) -> bool:
        """Tell whether both sides have ended or the stream was reset."""
        return self.state in OVER

    def drop_queue(self) -> None:
        """Forget what waits to be sent."""
        self.queue = None
        self.queued = 0
        self.trailers = None

    def __repr__(self) -> str:
        return f"<Stream {self.id} {self.state.name}>"
