"""The sending half: header blocks, DATA under the peer's windows, and the queues behind them."""

from collections import deque
from typing import Final

from . import frames
from .errors import MisuseError
from .frames import HEADERS, pack_head
from .link import Link
from .states import OVER, SENDING
from .streams import Stream

_JOINED: Final = 4096
"""Payloads up to this many bytes are joined to their frame's head: a copy costs less than one more buffer to write."""


class Sending(Link):
    """A link that can send."""

    __slots__ = ()

    def send_headers(self, stream: Stream, block: bytes, end: bool = False) -> None:
        """Send an encoded header block; trailers (`end`) wait behind queued DATA. Nothing happens once it is over."""
        if stream.ending or stream.state not in SENDING:
            _check_misuse(stream)
            return
        if stream.queued:
            if not end:
                raise MisuseError("only trailers may follow DATA")
            stream.trailers = block
            stream.ending = True
            return
        self.put_block(stream.id, block, end)
        if end:
            self.end_sent(stream)

    def put_block(self, stream_id: int, block: bytes, end: bool) -> None:
        """Put out a header block, in several frames if it is above the peer's frame size."""
        if self.block_prefix:
            block = self.block_prefix + block
            self.block_prefix = b""
        if len(block) <= self.peer_frame:
            self.put(pack_head(len(block) << 8 | HEADERS, 5 if end else 4, stream_id) + block)
        else:
            self.put(b"".join(frames.headers(stream_id, block, end, self.peer_frame)))

    def send_data(self, stream: Stream, data: bytes, end: bool = False) -> None:
        """Send payload as far as the windows and the transport allow, and queue the rest. See `Handler.on_sent`."""
        if stream.ending or stream.state not in SENDING:
            _check_misuse(stream)
            return
        size = len(data)
        # Where something waits, not even an end alone may overtake it.
        waits = stream.queued or self.paused
        room = -1 if waits else min(stream.send_window, self.send_window, self.peer_frame)
        if size > room:
            self._queue_data(stream, data, end)
        elif size or end:
            self._put_data(stream, data, size, end)

    def pause(self) -> None:
        """Hold DATA back: the transport cannot take more. Everything else still goes to `out`."""
        self.paused = True

    def resume(self) -> None:
        """Send what was held back, a frame of each stream in turn."""
        self.paused = False
        self.backlog = 0
        self.flush()

    def flush(self) -> None:
        """Send queued DATA, one frame of each stream in turn, until a window or the transport stops it."""
        ready = self.ready
        while ready and self.send_window > 0 and not self.paused:
            stream = ready.popleft()
            stream.ready = False
            # A stream without a window is left out until WINDOW_UPDATE or SETTINGS bring it back.
            if stream.queue and stream.send_window > 0:
                self._put_queued(stream)
                self.make_ready(stream)

    def make_ready(self, stream: Stream) -> None:
        """Put a stream with queued DATA into the rotation."""
        if stream.queued and not stream.ready:
            stream.ready = True
            self.ready.append(stream)

    def _queue_data(self, stream: Stream, data: bytes, end: bool) -> None:
        stream.ending = end
        if not data:
            # The end alone needs no window, unless there is DATA before it.
            if end and not stream.queued:
                self._put_data(stream, data, 0, end)
            return
        if stream.queue is None:
            stream.queue = deque()
        stream.queue.append(data)
        stream.queued += len(data)
        self.make_ready(stream)
        self.flush()

    def _put_queued(self, stream: Stream) -> None:
        """Send one frame from the head of a stream's queue, and what ends it if that was the last."""
        queue = stream.queue
        assert queue
        chunk = queue[0]
        size = min(len(chunk), stream.send_window, self.send_window, self.peer_frame)
        if size < len(chunk):
            view = memoryview(chunk)
            queue[0] = view[size:]
            chunk = view[:size]
        else:
            queue.popleft()
        stream.queued -= size
        last = not stream.queued
        self._put_data(stream, chunk, size, last and stream.ending and stream.trailers is None)
        # `on_sent` may have queued more, sent all of it, or ended the stream.
        if stream.trailers is not None and not stream.queued and stream.state not in OVER:
            block, stream.trailers = stream.trailers, None
            self.put_block(stream.id, block, True)
            self.end_sent(stream)

    def _put_data(self, stream: Stream, data: bytes | memoryview, size: int, end: bool) -> None:
        """Put out one DATA frame that the windows have room for."""
        head = pack_head(size << 8, 1 if end else 0, stream.id)
        if size <= _JOINED:
            self.out.append(head + data)
        else:
            self.out.append(head)
            self.out.append(data)
        if end:
            self.end_sent(stream)
        if size:
            self.work += 1
            stream.send_window -= size
            self.send_window -= size
            self.handler.on_sent(stream, size)


def _check_misuse(stream: Stream) -> None:
    """Let sending on a stream that was reset pass, since its owner may learn of it late; after its end it is a bug."""
    if stream.ending and stream.state not in OVER:
        raise MisuseError("the local side has ended")
