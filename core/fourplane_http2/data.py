"""Receiving DATA: both windows, padding, and payload passed on as it comes (RFC 9113, sections 6.1 and 6.9)."""

from . import frames
from .errors import ConnectionBrokenError, ErrorCode, StreamBrokenError
from .frames import END_STREAM, PADDED
from .sending import Sending
from .states import DATA_RECEIPT, HALF_CLOSED_LOCAL, OPEN, RECEIVING, Answer
from .streams import NO_HEAD, UNKNOWN, Stream


def receive_data(link: Sending, stream_id: int, flags: int, payload: bytes, length: int) -> None:  # noqa: C901, PLR0915
    """Take a DATA frame of this length, of whose payload some may still be to come."""
    _take_window(link, length)
    missing = length - len(payload)
    if missing:
        link.rest, link.rest_stream, link.rest_padding = missing, None, 0
    stream = link.open_streams.get(stream_id)
    if stream is None or (stream.state is not OPEN and stream.state is not HALF_CLOSED_LOCAL):
        _refuse(link, stream_id)
        return
    stream.receive_window -= length
    if stream.receive_window < 0:
        raise StreamBrokenError(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "DATA above the stream's window")
    padding = 0
    if flags & PADDED:
        payload, padding = _unpad(link, stream, payload, length)
        length -= padding + 1
    end = flags & END_STREAM == END_STREAM
    if stream.expected != UNKNOWN:
        _expect(stream, length, end)
    if missing > padding:
        link.rest_stream, link.rest_padding, link.rest_end = stream, padding, end
        end = False
    if payload:
        link.work += 1
    elif not end:
        if not length:
            link.charge(link.empty_frames, link.work)
        return
    if end:
        link.end_received(stream)
    link.handler.on_data(stream, payload, end)


def receive_rest(link: Sending, data: bytes, at: int) -> int:
    """Take what comes next of a DATA frame that came in part, payload or else padding; return where that ends."""
    stream = link.rest_stream
    if stream is None:
        taken = min(link.rest, len(data) - at)
        link.rest -= taken
        return at + taken
    wanted = link.rest - link.rest_padding
    payload = data[at : at + wanted]
    link.rest -= len(payload)
    last = len(payload) == wanted
    if last:
        link.rest_stream = None
    if stream.state in RECEIVING:
        end = last and link.rest_end
        if end:
            link.end_received(stream)
        link.handler.on_data(stream, payload, end)
    return len(data) if link.ended else at + len(payload)


def _take_window(link: Sending, length: int) -> None:
    """Count against the connection's window, and reopen it at once by halves: it holds nobody back by itself."""
    window = link.receive_window - length
    if window < link.window_threshold:
        if window < 0:
            raise ConnectionBrokenError(ErrorCode.FLOW_CONTROL_ERROR, "DATA above the connection's window")
        link.put(frames.window_update(0, link.limits.connection_window - window))
        window = link.limits.connection_window
    link.receive_window = window


def _unpad(link: Sending, stream: Stream, payload: bytes, length: int) -> tuple[bytes, int]:
    """Return payload alone, and its padding's length, which is credited at once with the octet that told it."""
    if not length or payload[0] >= length:
        raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "padding is as long as its frame")
    padding = payload[0]
    link.credit(stream, padding + 1)
    return payload[1 : length - padding], padding


def _expect(stream: Stream, length: int, end: bool) -> None:
    """Insist on a head before DATA, and count DATA against its content-length (section 8.1.1)."""
    if stream.expected == NO_HEAD:
        raise StreamBrokenError(stream.id, ErrorCode.PROTOCOL_ERROR, "DATA came before a response's head")
    stream.expected -= length
    if stream.expected < 0 or (end and stream.expected):
        raise StreamBrokenError(stream.id, ErrorCode.PROTOCOL_ERROR, "DATA differs from content-length")


def _refuse(link: Sending, stream_id: int) -> None:
    """Answer DATA on a stream that takes none (section 5.1)."""
    match DATA_RECEIPT[link.role, link.find_state(stream_id)]:
        case Answer.PROTOCOL_ERROR:
            raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "DATA on a stream that is idle")
        case Answer.STREAM_CLOSED:
            raise StreamBrokenError(stream_id, ErrorCode.STREAM_CLOSED, "DATA on a stream that has ended")
        case Answer.STRAY:
            link.charge(link.strays, link.completed)
        case _:
            pass
