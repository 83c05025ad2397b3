"""What the parts of a connection share: its state, and the few moves that all of them make."""

from collections import deque
from typing import Final

from . import frames
from .cache import Cache
from .errors import ConnectionBrokenError, ConnectionFailure, ErrorCode
from .fields import Fields, judge, judge_answer
from .handler import Handler
from .hpack import HpackDecoder
from .limits import Limits, Meter
from .states import CLOSED, HALF_CLOSED_LOCAL, IDLE, NEXT, OPEN, RESET_HERE, Event, Role, State
from .streams import Stream

NO_LIMIT: Final = 2**31 - 1
_ASSUMED_STREAMS: Final = 100
"""Streams opened before the peer's SETTINGS came; RFC 9113 recommends no smaller bound (section 6.5.2)."""

_END_SENT, _END_RECEIVED = Event.END_SENT, Event.END_RECEIVED
_ATTRIBUTES = (
    "role", "limits", "handler", "out", "open_streams", "ended",
    # The peer's side: what it announced and said.
    "peer_streams", "peer_window", "peer_frame", "peer_ready", "closing", "next_id",
    # Ours: what we announced, whether it is acknowledged, which streams we take.
    "acknowledged", "announced", "own_window", "highest", "last_accepted",
    # Sending.
    "send_window", "ready", "paused", "backlog", "block_prefix",
    # Receiving.
    "receive_window", "window_threshold", "now", "preface", "held", "held_bytes", "needed",
    "rest", "rest_stream", "rest_end", "rest_padding", "expected", "max_block",
    "block_stream", "block_end", "block", "block_bytes", "decoder", "heads", "tails", "memo_table_size",
    # Floods.
    "reset_here", "work", "completed", "resets", "pings", "settings", "empty_frames", "window_updates",
    "priorities", "strays",
)  # fmt: skip


class Link:
    """The state of one connection. Only `out`, `open_streams`, `ended`, `role` and `limits` are for its owner."""

    __slots__ = _ATTRIBUTES

    def __init__(self, role: Role, limits: Limits, handler: Handler) -> None:
        self.role = role
        self.limits = limits
        self.handler = handler
        self.out: list[bytes | memoryview] = []
        """What is to be written, in order; the owner takes it and puts an empty list in its place."""
        self.open_streams: dict[int, Stream] = {}
        self.ended = False
        self._init_sides()
        self._init_receiving()
        self._init_floods()
        self._greet()

    def _init_sides(self) -> None:
        self.peer_streams = _ASSUMED_STREAMS
        self.peer_window = frames.DEFAULT_WINDOW
        self.peer_frame = frames.MIN_MAX_FRAME
        self.peer_ready = False
        self.closing = False
        """Either side has sent GOAWAY: we open no more streams."""
        self.next_id = 1
        self.acknowledged = False
        self.announced = 0
        """SETTINGS after the first whose acknowledgements are still to come."""
        # Until our SETTINGS are acknowledged the peer goes by the protocol's default, if that is larger.
        self.own_window = max(self.limits.stream_window, frames.DEFAULT_WINDOW)
        self.highest = 0
        self.last_accepted = NO_LIMIT
        self.send_window = frames.DEFAULT_WINDOW
        self.ready: deque[Stream] = deque()
        """The rotation of streams with queued DATA and an open window."""
        self.paused = False
        self.backlog = 0
        """Bytes other than DATA put out since the transport was paused."""
        self.block_prefix = b""
        """A table size update owed to the peer with the next block (RFC 7541, section 4.2)."""

    def _init_receiving(self) -> None:
        limits = self.limits
        self.receive_window = limits.connection_window
        self.window_threshold = limits.connection_window // 2
        self.now = 0.0
        self.preface = frames.PREFACE if self.role is Role.SERVER else b""
        """What must still come of the client's preface."""
        self.held: list[bytes] = []
        """Pieces of a frame that has not come whole; joined once, when `needed` bytes are there."""
        self.held_bytes = 0
        self.needed = 0
        self.rest = 0
        """Bytes of the current DATA frame's payload still to come."""
        self.rest_stream: Stream | None = None
        self.rest_end = False
        self.rest_padding = 0
        self._init_blocks()

    def _init_blocks(self) -> None:
        limits = self.limits
        self.expected = frames.SETTINGS
        """The only frame type allowed now, or -1: SETTINGS at first, CONTINUATION within a block."""
        self.max_block = limits.max_header_list_bytes * limits.max_header_multiple
        self.block_stream = 0
        self.block_end = False
        self.block: list[bytes] = []
        self.block_bytes = 0
        self.decoder = HpackDecoder(
            judge if self.role is Role.SERVER else judge_answer,
            limits.max_string_bytes,
            limits.decoded_cache_bytes,
            limits.header_table_size,
        )
        self.heads: Cache[Fields] = Cache(limits.block_memo_bytes)
        self.tails: Cache[Fields] = Cache(limits.block_memo_bytes)
        self.memo_table_size = self.decoder.table_size

    def _init_floods(self) -> None:
        limits = self.limits
        self.reset_here: dict[int, None] = {}
        self.work = 0
        """DATA frames with payload, both ways."""
        self.completed = 0
        """Streams that ended without a reset."""
        self.resets = Meter("resets and stream errors", limits.resets)
        self.pings = Meter("pings", limits.pings)
        self.settings = Meter("settings", limits.settings)
        self.empty_frames = Meter("empty frames", limits.empty_frames)
        self.window_updates = Meter("window updates", limits.window_updates)
        self.priorities = Meter("priority frames", limits.priorities)
        self.strays = Meter("frames on closed streams", limits.strays)

    def _greet(self) -> None:
        """Put out the preface, our SETTINGS and the connection's window (RFC 9113, section 3.4)."""
        limits = self.limits
        values = {
            frames.HEADER_TABLE_SIZE: limits.header_table_size,
            frames.INITIAL_WINDOW_SIZE: limits.stream_window,
            frames.MAX_FRAME_SIZE: limits.max_frame_size,
            frames.MAX_HEADER_LIST_SIZE: limits.max_header_list_bytes,
        }
        greeting = b""
        if self.role is Role.SERVER:
            values[frames.MAX_CONCURRENT_STREAMS] = limits.max_concurrent_streams
        else:
            values[frames.ENABLE_PUSH] = 0
            greeting = frames.PREFACE
        greeting += frames.settings(values)
        if limits.connection_window > frames.DEFAULT_WINDOW:
            greeting += frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW)
        self.out.append(greeting)

    def put(self, data: bytes) -> None:
        """Put out what is not DATA; it goes even while the transport is paused, counted."""
        self.out.append(data)
        if self.paused:
            self.backlog += len(data)

    def charge(self, meter: Meter, work: int) -> None:
        """Take one from a budget, or end the connection."""
        if not meter.spend(self.now, work):
            raise ConnectionBrokenError(ErrorCode.ENHANCE_YOUR_CALM, f"too many {meter.what}")

    def find_state(self, stream_id: int) -> State:
        """Return the state of a stream, open or not (section 5.1.1)."""
        stream = self.open_streams.get(stream_id)
        if stream is not None:
            return stream.state
        if stream_id in self.reset_here:
            return RESET_HERE
        if self.role is Role.SERVER:
            used = stream_id & 1 and stream_id <= self.highest
        else:
            used = stream_id & 1 and stream_id < self.next_id
        return CLOSED if used else IDLE

    def end_sent(self, stream: Stream) -> None:
        """Move a stream whose END_STREAM has left."""
        stream.ending = True
        state = stream.state = NEXT[stream.state, _END_SENT]
        if state is CLOSED:
            del self.open_streams[stream.id]
            self.completed += 1

    def end_received(self, stream: Stream) -> None:
        """Move a stream whose END_STREAM has come."""
        state = stream.state = NEXT[stream.state, _END_RECEIVED]
        if state is CLOSED:
            del self.open_streams[stream.id]
            self.completed += 1

    def remove(self, stream: Stream, event: Event) -> None:
        """Take a stream that was reset or lost out of the connection, with what it had queued."""
        stream.state = NEXT[stream.state, event]
        stream.drop_queue()
        del self.open_streams[stream.id]
        if stream.ready:
            stream.ready = False
            self.ready.remove(stream)

    def put_reset(self, stream_id: int, code: int) -> None:
        """Put out RST_STREAM."""
        self.put(frames.rst_stream(stream_id, code))
        self.excuse(stream_id)

    def excuse(self, stream_id: int) -> None:
        """Remember a stream that we gave up, whose frames may still be in flight."""
        memory = self.reset_here
        memory[stream_id] = None
        if len(memory) > self.limits.remembered_resets:
            del memory[next(iter(memory))]

    def credit(self, stream: Stream, count: int) -> None:
        """Learn that `count` received payload bytes are consumed: reopen the window by halves (section 6.9.1)."""
        if stream.state is not OPEN and stream.state is not HALF_CLOSED_LOCAL:
            return
        stream.uncredited += count
        if stream.uncredited * 2 >= self.own_window:
            stream.receive_window += stream.uncredited
            self.put(frames.window_update(stream.id, stream.uncredited))
            stream.uncredited = 0

    def fail(self, code: ErrorCode, reason: str) -> None:
        """End the connection for the peer's error (section 5.4.1)."""
        if self.ended:
            return
        self.put(frames.goaway(min(self.highest, self.last_accepted), code, reason.encode()))
        self.finish(ConnectionFailure(code, reason), code)

    def finish(self, error: ConnectionFailure | None, code: ErrorCode) -> None:
        """Tell the owner that its streams and then the connection are over."""
        self.ended = True
        self.held.clear()
        self.block.clear()
        self.rest_stream = None
        for stream in list(self.open_streams.values()):
            if stream.id in self.open_streams:
                self.remove(stream, Event.LOST)
                self.handler.on_reset(stream, code)
        self.handler.on_end(error)
