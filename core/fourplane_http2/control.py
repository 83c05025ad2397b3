"""Receiving the frames that carry no content (RFC 9113, sections 6.3 to 6.9)."""

from . import frames
from .errors import ConnectionBrokenError, ErrorCode, StreamBrokenError
from .frames import ACK, SETTING, TWO_WORDS, unpack_word
from .hpack.encoder import SIZE_UPDATE_ZERO
from .link import NO_LIMIT
from .sending import Sending
from .states import CONTROL_RECEIPT, Answer, Event, Role, State
from .streams import Stream

_PROTOCOL = ErrorCode.PROTOCOL_ERROR
_PRIORITY_BYTES = 5
_WORD_BYTES = 4
_PING_BYTES = 8
_GOAWAY_BYTES = 8
_SETTING_BYTES = 6

_UNBOUNDED = (0, 2**32 - 1, _PROTOCOL)
_COMMON_BOUNDS = {
    frames.INITIAL_WINDOW_SIZE: (0, frames.MAX_WINDOW, ErrorCode.FLOW_CONTROL_ERROR),
    frames.MAX_FRAME_SIZE: (frames.MIN_MAX_FRAME, frames.MAX_MAX_FRAME, _PROTOCOL),
}
_BOUNDS = {
    Role.SERVER: _COMMON_BOUNDS | {frames.ENABLE_PUSH: (0, 1, _PROTOCOL)},
    Role.CLIENT: _COMMON_BOUNDS | {frames.ENABLE_PUSH: (0, 0, _PROTOCOL)},
}
"""The values that a setting may have, and the error of another (section 6.5.2); a server may not enable push."""


def receive_priority(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Check PRIORITY and do nothing with it (section 6.3)."""
    if not stream_id:
        raise ConnectionBrokenError(_PROTOCOL, "PRIORITY without a stream")
    link.charge(link.priorities, link.work)
    if len(payload) != _PRIORITY_BYTES:
        _break_any(link, stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY must have 5 bytes")
    elif unpack_word(payload, 0)[0] & frames.MAX_ID == stream_id:  # RFC 7540, section 5.3.1
        _break_any(link, stream_id, _PROTOCOL, "a stream depends on itself")


def _break_any(link: Sending, stream_id: int, code: ErrorCode, reason: str) -> None:
    """Answer what breaks a stream in any state; no RST_STREAM may name one that is idle (section 6.4)."""
    state = link.find_state(stream_id)
    if state is State.IDLE:
        raise ConnectionBrokenError(code, reason)  # section 5.4.1 allows it for any stream error
    if state is not State.RESET_HERE:
        raise StreamBrokenError(stream_id, code, reason)


def receive_reset(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Take RST_STREAM (section 6.4)."""
    _check_size(len(payload), _WORD_BYTES, "RST_STREAM")
    stream = link.open_streams.get(stream_id)
    if stream is None:
        _stray(link, stream_id, "RST_STREAM")
        return
    code: int = unpack_word(payload, 0)[0]
    link.remove(stream, Event.RESET_RECEIVED)
    if link.role is Role.CLIENT:
        # A server can reset only what we opened, so there is nothing to bound.
        if code == ErrorCode.REFUSED_STREAM:
            link.handler.on_refused(stream)
        else:
            link.handler.on_reset(stream, code)
        return
    link.handler.on_reset(stream, code)
    link.charge(link.resets, link.completed)


def receive_settings(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Take SETTINGS or their acknowledgement (section 6.5)."""
    if stream_id:
        raise ConnectionBrokenError(_PROTOCOL, "SETTINGS on a stream")
    if flags & ACK:
        _check_size(len(payload), 0, "an acknowledgement of SETTINGS")
        _acknowledge(link)
        return
    if len(payload) % _SETTING_BYTES:
        raise ConnectionBrokenError(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS must have a multiple of 6 bytes")
    link.charge(link.settings, link.work)
    streams_before = link.peer_streams
    # A peer that names no bound at first has none (section 6.5.2).
    link.peer_streams = link.peer_streams if link.peer_ready else NO_LIMIT
    _apply_all(link, list(SETTING.iter_unpack(payload)))
    link.put(frames.frame(frames.SETTINGS, ACK, 0, b""))
    first = not link.peer_ready
    link.peer_ready = True
    if first:
        link.expected = -1
    if first or link.peer_streams != streams_before:
        link.handler.on_ready()
    link.flush()


def receive_push_promise(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Refuse PUSH_PROMISE: clients cannot push, and we have told servers not to (section 6.6)."""
    raise ConnectionBrokenError(_PROTOCOL, "PUSH_PROMISE is not allowed")


def receive_ping(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Answer PING (section 6.7)."""
    if stream_id:
        raise ConnectionBrokenError(_PROTOCOL, "PING on a stream")
    _check_size(len(payload), _PING_BYTES, "PING")
    link.charge(link.pings, link.work)
    if flags & ACK:
        link.handler.on_pong(payload)
    else:
        link.put(frames.frame(frames.PING, ACK, 0, payload))


def receive_goaway(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Take GOAWAY: open no more streams, and give up those that the server has not processed (section 6.8)."""
    if stream_id:
        raise ConnectionBrokenError(_PROTOCOL, "GOAWAY on a stream")
    if len(payload) < _GOAWAY_BYTES:
        raise ConnectionBrokenError(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY must have 8 bytes or more")
    link.charge(link.settings, link.work)
    last, code = TWO_WORDS.unpack_from(payload)
    last &= frames.MAX_ID
    link.closing = True
    link.handler.on_goaway(last, code, payload[_GOAWAY_BYTES:])
    if link.role is Role.CLIENT:
        for stream in [stream for stream in link.open_streams.values() if stream.id > last]:
            if stream.id in link.open_streams:
                link.remove(stream, Event.LOST)
                link.handler.on_refused(stream)


def receive_window_update(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Take WINDOW_UPDATE and send what it lets go (section 6.9)."""
    _check_size(len(payload), _WORD_BYTES, "WINDOW_UPDATE")
    link.charge(link.window_updates, link.work)
    increment: int = unpack_word(payload, 0)[0] & frames.MAX_WINDOW
    if not stream_id:
        link.send_window += increment
        if not increment or link.send_window > frames.MAX_WINDOW:
            raise ConnectionBrokenError(_window_code(increment), "a WINDOW_UPDATE of nothing or too much")
        if link.ready:
            link.flush()
        return
    stream = link.open_streams.get(stream_id)
    if stream is None:
        _stray(link, stream_id, "WINDOW_UPDATE")
        return
    stream.send_window += increment
    if not increment or stream.send_window > frames.MAX_WINDOW:
        raise StreamBrokenError(stream_id, _window_code(increment), "a WINDOW_UPDATE of nothing or too much")
    if stream.queued:
        link.make_ready(stream)
        link.flush()


def _window_code(increment: int) -> ErrorCode:
    return ErrorCode.FLOW_CONTROL_ERROR if increment else _PROTOCOL


def _check_size(length: int, right: int, what: str) -> None:
    if length != right:
        raise ConnectionBrokenError(ErrorCode.FRAME_SIZE_ERROR, f"{what} must have {right} bytes")


def _stray(link: Sending, stream_id: int, what: str) -> None:
    """Take a control frame on a stream that is not open (section 5.1)."""
    if CONTROL_RECEIPT[link.find_state(stream_id)] is Answer.PROTOCOL_ERROR:
        raise ConnectionBrokenError(_PROTOCOL, f"{what} on a stream that is idle")
    link.charge(link.strays, link.completed)


def _acknowledge(link: Sending) -> None:
    """Go by our own SETTINGS from now on: the peer knows them."""
    if link.acknowledged:
        if link.announced:
            link.announced -= 1
        else:
            link.charge(link.settings, link.work)
        return
    link.acknowledged = True
    link.decoder.allow(link.limits.header_table_size)
    # Blocks with a table size update that was allowed until now must be looked at again.
    link.heads.clear()
    link.tails.clear()
    change = link.limits.stream_window - link.own_window
    link.own_window = link.limits.stream_window
    for stream in link.open_streams.values():
        stream.receive_window += change


def _apply_all(link: Sending, values: list[tuple[int, int]]) -> None:
    """Apply one frame's settings in their order (section 6.5.3)."""
    for _ in range(sum(key == frames.INITIAL_WINDOW_SIZE for key, _ in values) - 1):
        link.charge(link.settings, link.work)  # each touches every stream, and a frame may hold thousands
    for key, value in values:
        _apply(link, key, value)


def _apply(link: Sending, key: int, value: int) -> None:
    """Apply one of the peer's settings (section 6.5.2); unknown ones are ignored."""
    low, high, code = _BOUNDS[link.role].get(key, _UNBOUNDED)
    if not low <= value <= high:
        raise ConnectionBrokenError(code, f"the value of setting {key} is out of range")
    match key:
        case frames.HEADER_TABLE_SIZE:
            # Our encoder uses no table. It owes the peer word of that once the peer's bound falls below the default.
            if value < frames.DEFAULT_TABLE:
                link.block_prefix = SIZE_UPDATE_ZERO
        case frames.MAX_CONCURRENT_STREAMS:
            link.peer_streams = value
        case frames.INITIAL_WINDOW_SIZE:
            _resize_windows(link, value)
        case frames.MAX_FRAME_SIZE:
            link.peer_frame = value
        case _:
            pass


def _resize_windows(link: Sending, value: int) -> None:
    """Change the send windows of all streams, below zero if need be (section 6.9.2)."""
    change = value - link.peer_window
    link.peer_window = value
    for stream in link.open_streams.values():
        _resize_window(link, stream, change)


def _resize_window(link: Sending, stream: Stream, change: int) -> None:
    stream.send_window += change
    if stream.send_window > frames.MAX_WINDOW:
        raise ConnectionBrokenError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window overflows")
    link.make_ready(stream)
