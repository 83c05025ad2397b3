"""One HTTP/2 connection: bytes in, calls on a handler and bytes out (RFC 9113)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from . import frames
from .control import (
    receive_goaway,
    receive_ping,
    receive_priority,
    receive_push_promise,
    receive_reset,
    receive_settings,
    receive_window_update,
)
from .data import receive_data, receive_rest
from .errors import CannotOpenError, ConnectionBrokenError, ErrorCode, StreamBrokenError
from .frames import CONTINUATION, HEAD_BYTES, MAX_ID, SETTINGS, unpack_head
from .headers import receive_continuation, receive_headers
from .sending import Sending
from .states import HALF_CLOSED_LOCAL, OPEN, OVER, Event, Role
from .streams import Stream

_Receiver = Callable[[Sending, int, int, bytes], None]
_RECEIVERS: Final[tuple[_Receiver, ...]] = (
    receive_headers,
    receive_priority,
    receive_reset,
    receive_settings,
    receive_push_promise,
    receive_ping,
    receive_goaway,
    receive_window_update,
    receive_continuation,
)
"""Who takes a frame, by its type from HEADERS on; types above are ignored (section 4.1)."""


class Connection(Sending):
    """One end of a connection. It never blocks and never raises for what the peer does."""

    __slots__ = ()

    @property
    def can_open(self) -> bool:
        """Tell whether `request` would open a stream now (client role)."""
        return (
            not self.closing
            and not self.ended
            and len(self.open_streams) < self.peer_streams
            and self.next_id <= MAX_ID
            and self.role is Role.CLIENT
        )

    def request(self, block: bytes, context: object = None, end: bool = False) -> Stream:
        """Open a stream with a request's encoded head (client role)."""
        if not self.can_open:
            raise CannotOpenError("this connection takes no more requests now")
        stream_id = self.next_id
        self.next_id = stream_id + 2
        stream = Stream(stream_id, HALF_CLOSED_LOCAL if end else OPEN, self.peer_window, self.own_window, context)
        stream.ending = end
        self.open_streams[stream_id] = stream
        self.put_block(stream_id, block, end)
        return stream

    def reset(self, stream: Stream, code: int) -> None:
        """End a stream both ways, with what it had queued; nothing happens if it is over."""
        if stream.state not in OVER:
            self.put_reset(stream.id, code)
            self.remove(stream, Event.RESET_SENT)

    def ping(self, payload: bytes) -> None:
        """Send PING with 8 bytes; `on_pong` brings them back."""
        if not self.ended:
            self.put(frames.frame(frames.PING, 0, 0, payload))

    def bound(self, max_concurrent_streams: int, max_header_list_bytes: int) -> None:
        """Move what the peer may do from now on, and tell it (server role); streams that are open go on.

        What it sent before it hears of lower bounds is refused as under them: REFUSED_STREAM, `on_too_large`.
        """
        limits = replace(
            self.limits, max_concurrent_streams=max_concurrent_streams, max_header_list_bytes=max_header_list_bytes
        )
        if self.ended or limits == self.limits:
            return
        self.limits = limits
        # A block that was good under the old bound must not cost the whole connection under the new one.
        self.max_block = max(self.max_block, max_header_list_bytes * limits.max_header_multiple)
        self.heads.clear()
        self.tails.clear()
        self.announced += 1
        values = {
            frames.MAX_CONCURRENT_STREAMS: max_concurrent_streams,
            frames.MAX_HEADER_LIST_SIZE: max_header_list_bytes,
        }
        self.put(frames.settings(values))

    def goaway(self, code: int = 0, debug: bytes = b"", last: int | None = None) -> None:
        """Take no streams above `last`, by default the highest that came; those up to it go on (section 6.8).

        To lose no request in flight, first send `last=MAX_ID`, which takes all that still come, and a round trip later
        send it again without.
        """
        if self.ended:
            return
        self.last_accepted = min(self.last_accepted, self.highest if last is None else last)
        if self.role is Role.CLIENT:
            self.closing = True
        self.put(frames.goaway(self.last_accepted, code, debug))

    def eof(self) -> None:
        """Learn that the transport is closed: open streams are over, then the connection."""
        if not self.ended:
            self.finish(None, ErrorCode.CANCEL if self.role is Role.SERVER else ErrorCode.CONNECT_ERROR)

    def receive(self, data: bytes, now: float = 0.0) -> None:
        """Take what the peer sent, in pieces of any size; `now` in seconds refills the flood budgets."""
        if self.ended:
            return
        self.now = now
        try:
            if self.backlog > self.limits.max_backlog_bytes:
                raise ConnectionBrokenError(ErrorCode.ENHANCE_YOUR_CALM, "answers pile up unread")
            if self.preface:
                data = self._match_preface(data)
            if self.held:
                data = self._join(data)
            at, size = 0, len(data)
            while self.rest and at < size:
                at = receive_rest(self, data, at)
            self._receive_frames(data, at, size)
        except ConnectionBrokenError as error:
            self.fail(error.code, error.reason)

    def _receive_frames(self, data: bytes, at: int, size: int) -> None:  # noqa: C901, PLR0915 -- the hot loop
        """Take all frames of a read, and keep the beginning of one that has not come whole."""
        if at == size:
            return
        largest = self.limits.max_frame_size
        while size - at >= HEAD_BYTES:
            word, flags, stream_id = unpack_head(data, at)
            length, kind = word >> 8, word & 0xFF
            if length > largest:
                raise ConnectionBrokenError(ErrorCode.FRAME_SIZE_ERROR, "a frame is too large")
            stream_id &= MAX_ID
            if self.expected >= 0:
                self._check_expected(kind, flags, stream_id)
            start = at + HEAD_BYTES
            payload = data[start : start + length]
            if len(payload) < length and (kind or not payload):
                # Payload of DATA is passed on as it comes; any other frame must be whole.
                self.needed = HEAD_BYTES + (length if kind else 1)
                break
            at = start + length
            try:
                if not kind:
                    receive_data(self, stream_id, flags, payload, length)
                elif kind <= CONTINUATION:
                    _RECEIVERS[kind - 1](self, stream_id, flags, payload)
            except StreamBrokenError as error:
                self._break_stream(error)
            if self.ended:
                return
        else:
            self.needed = HEAD_BYTES
        if at < size:
            self.held = [data[at:]]
            self.held_bytes = size - at

    def _join(self, data: bytes) -> bytes:
        """Return the held pieces with this one, or nothing as long as no frame can be made of them."""
        self.held.append(data)
        self.held_bytes += len(data)
        if self.held_bytes < self.needed:
            return b""
        joined = b"".join(self.held)
        self.held = []
        return joined

    def _match_preface(self, data: bytes) -> bytes:
        """Take the client's preface, which may come in pieces (section 3.4)."""
        count = min(len(self.preface), len(data))
        if data[:count] != self.preface[:count]:
            raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2")
        self.preface = self.preface[count:]
        return data[count:]

    def _check_expected(self, kind: int, flags: int, stream_id: int) -> None:
        """Insist on SETTINGS at the start (section 3.4), and on CONTINUATION within a block (section 6.10)."""
        if self.expected == CONTINUATION:
            allowed = kind == CONTINUATION and stream_id == self.block_stream
        else:
            allowed = kind == SETTINGS and not flags & frames.ACK
        if not allowed:
            raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "another frame was due")

    def _break_stream(self, error: StreamBrokenError) -> None:
        """End one stream for the peer's error (section 5.4.2)."""
        stream = self.open_streams.get(error.stream_id)
        self.put_reset(error.stream_id, error.code)
        if stream is not None:
            self.remove(stream, Event.RESET_SENT)
            self.handler.on_reset(stream, error.code)
        if self.role is Role.SERVER:
            self.charge(self.resets, self.completed)
