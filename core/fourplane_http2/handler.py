"""What the owner of a connection is told; every call comes from within a call to the connection."""

from typing import Protocol

from .errors import ConnectionFailure
from .fields import Fields
from .streams import Stream


class Handler(Protocol):
    """Take what happens on a connection. Calls back into the connection are allowed, except `receive` and `eof`."""

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        """Take a request's head (server) or a response's (client; `end` is a trailers-only answer). 1xx never comes."""

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        """Take the second header block; the peer's side has ended."""

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        """Take payload without padding; a frame that comes in pieces is passed on in pieces. Empty only at the end."""

    def on_reset(self, stream: Stream, code: int) -> None:
        """Learn that the stream is over both ways: reset by the peer or, for a peer's error, by the core."""

    def on_refused(self, stream: Stream) -> None:
        """Learn, in place of `on_reset`, that the server has not processed this request (client role)."""

    def on_too_large(self, stream: Stream) -> None:
        """Learn that a header list was above the bounds. Headers alone may be sent as answer; it is over on return."""

    def on_sent(self, stream: Stream, count: int) -> None:
        """Learn that `count` bytes of the stream's payload have gone to `out`, at once or out of its queue."""

    def on_pong(self, payload: bytes) -> None:
        """Learn that the peer answered our PING."""

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:
        """Learn that the peer takes no new streams; `on_refused` for those above `last` follows."""

    def on_ready(self) -> None:
        """Learn that the peer's first SETTINGS came, or that its bound on concurrent streams changed."""

    def on_end(self, error: ConnectionFailure | None) -> None:
        """Learn, last of all, that the connection is over; write `out` and close. None if the peer closed it."""
