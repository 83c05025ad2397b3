"""Receiving header blocks: assembling, decoding, and what they do to streams (RFC 9113, sections 6.2, 6.10 and 8)."""

from .cache import Cache
from .errors import ConnectionBrokenError, ErrorCode, HpackError, StreamBrokenError
from .fields import Fields, Flaw, content_length, request_flaw, response_flaw, trailers_flaw
from .frames import CONTINUATION, END_HEADERS, END_STREAM, HAS_PRIORITY, MAX_ID, PADDED, unpack_word
from .sending import Sending
from .states import HALF_CLOSED_REMOTE, HEADERS_RECEIPT, OPEN, RECEIVING, Answer, Event, Role
from .streams import NO_HEAD, Stream

_PRIORITY_BYTES = 5
_INFORMATIONAL = ord("1")


def receive_headers(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Take a HEADERS frame; without END_HEADERS only CONTINUATION may follow."""
    if flags & (PADDED | HAS_PRIORITY):
        payload = _trim(stream_id, flags, payload)
    if flags & END_HEADERS:
        _complete(link, stream_id, payload, bool(flags & END_STREAM))
        return
    if not stream_id:
        raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "HEADERS without a stream")
    link.expected = CONTINUATION
    link.block_stream = stream_id
    link.block_end = bool(flags & END_STREAM)
    link.block = []
    link.block_bytes = 0
    _add_fragment(link, payload)


def receive_continuation(link: Sending, stream_id: int, flags: int, payload: bytes) -> None:
    """Take a CONTINUATION frame; the dispatch lets it through only within a block of its stream."""
    if link.expected != CONTINUATION:
        raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
    if len(link.block) > link.limits.max_continuations:
        raise ConnectionBrokenError(ErrorCode.ENHANCE_YOUR_CALM, "too many CONTINUATIONs")
    _add_fragment(link, payload)
    if flags & END_HEADERS:
        block = b"".join(link.block)
        link.block = []
        link.expected = -1
        _complete(link, stream_id, block, link.block_end)


def _trim(stream_id: int, flags: int, payload: bytes) -> bytes:
    """Return the fragment between priority and padding (section 6.2)."""
    start = (1 if flags & PADDED else 0) + (_PRIORITY_BYTES if flags & HAS_PRIORITY else 0)
    if len(payload) < start:
        raise ConnectionBrokenError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is too short for its flags")
    stop = len(payload) - (payload[0] if flags & PADDED else 0)
    if stop < start:
        raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "padding is as long as its frame")
    if flags & HAS_PRIORITY and unpack_word(payload, start - _PRIORITY_BYTES)[0] & MAX_ID == stream_id:
        # RFC 7540, section 5.3.1; a stream error would need the block decoded first.
        raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")
    return payload[start:stop]


def _add_fragment(link: Sending, fragment: bytes) -> None:
    link.block.append(fragment)
    link.block_bytes += len(fragment)
    if link.block_bytes > link.max_block:
        raise ConnectionBrokenError(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large")
    if not fragment:
        link.charge(link.empty_frames, link.work)


def _complete(link: Sending, stream_id: int, block: bytes, end: bool) -> None:
    """Give a whole block to the stream that it belongs to."""
    stream = link.open_streams.get(stream_id)
    if stream is None:
        if link.role is Role.SERVER and stream_id > link.highest and stream_id & 1:
            _open(link, stream_id, block, end)
        else:
            _refuse(link, stream_id, block)
    elif stream.expected == NO_HEAD:
        _answer(link, stream, block, end)
    else:
        _end(link, stream, block, end)


def _open(link: Sending, stream_id: int, block: bytes, end: bool) -> None:
    """Open a stream with a request (section 5.1.1)."""
    link.highest = stream_id
    fields = link.heads.young.get(block) or _read(link, stream_id, block, link.heads, request_flaw)
    if stream_id > link.last_accepted:
        link.excuse(stream_id)
        return
    if len(link.open_streams) >= link.limits.max_concurrent_streams:
        raise StreamBrokenError(stream_id, ErrorCode.REFUSED_STREAM, "too many streams at once")
    if fields is not None and fields.length > 0 and end:
        raise StreamBrokenError(stream_id, ErrorCode.PROTOCOL_ERROR, "DATA differs from content-length")
    state = HALF_CLOSED_REMOTE if end else OPEN
    stream = Stream(stream_id, state, link.peer_window, link.own_window)
    link.open_streams[stream_id] = stream
    if fields is None:
        _too_large(link, stream)
        return
    stream.expected = fields.length
    link.handler.on_headers(stream, fields, end)


def _answer(link: Sending, stream: Stream, block: bytes, end: bool) -> None:
    """Take the head of a response; informational ones are swallowed (section 8.1)."""
    fields = link.heads.young.get(block) or _read(link, stream.id, block, link.heads, response_flaw)
    if fields is None:
        _too_large(link, stream)
        return
    if fields.pairs[0][1][0] == _INFORMATIONAL:
        if end:
            raise StreamBrokenError(stream.id, ErrorCode.PROTOCOL_ERROR, "an informational response ends the stream")
        link.charge(link.empty_frames, link.work)
        return
    stream.expected = fields.length
    if end:
        if fields.length > 0:
            raise StreamBrokenError(stream.id, ErrorCode.PROTOCOL_ERROR, "DATA differs from content-length")
        link.end_received(stream)
    link.handler.on_headers(stream, fields, end)


def _end(link: Sending, stream: Stream, block: bytes, end: bool) -> None:
    """Take trailers (section 8.1)."""
    if stream.state not in RECEIVING:
        _refuse(link, stream.id, block)
        return
    fields = link.tails.young.get(block) or _read(link, stream.id, block, link.tails, trailers_flaw)
    if fields is None:
        _too_large(link, stream)
        return
    if not end:
        raise StreamBrokenError(stream.id, ErrorCode.PROTOCOL_ERROR, "trailers without END_STREAM")
    if stream.expected > 0:
        raise StreamBrokenError(stream.id, ErrorCode.PROTOCOL_ERROR, "DATA differs from content-length")
    link.end_received(stream)
    link.handler.on_trailers(stream, fields)


def _read(link: Sending, stream_id: int, block: bytes, memo: Cache[Fields], flaw: Flaw) -> Fields | None:
    """Decode and check a block; None if it is too large. Keep it if its bytes alone determine it."""
    known = memo.recall(block)
    if known is not None:
        return known
    pairs, marks, weight = _decode(link, block)
    limits = link.limits
    if weight > limits.max_header_list_bytes or len(pairs) > limits.max_header_fields:
        return None
    problem = flaw(pairs, marks)
    if problem is not None:
        raise StreamBrokenError(stream_id, ErrorCode.PROTOCOL_ERROR, problem)
    fields = Fields(tuple(pairs), content_length(pairs, marks))
    if link.decoder.stateless:
        memo.offer(block, fields, weight)
    return fields


def _decode(link: Sending, block: bytes) -> tuple[list[tuple[bytes, bytes]], int, int]:
    if len(block) > link.max_block:
        raise ConnectionBrokenError(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large")
    try:
        decoded = link.decoder.decode(block)
    except HpackError as error:
        raise ConnectionBrokenError(ErrorCode.COMPRESSION_ERROR, str(error)) from None
    if link.decoder.table_size != link.memo_table_size:
        # Fields to be indexed do nothing to a table of size 0, but would to this one.
        link.memo_table_size = link.decoder.table_size
        link.heads.clear()
        link.tails.clear()
    return decoded


def _too_large(link: Sending, stream: Stream) -> None:
    """Let the owner answer, then end the stream whatever it did."""
    link.handler.on_too_large(stream)
    if not stream.over:
        code = ErrorCode.NO_ERROR if stream.local_closed else ErrorCode.ENHANCE_YOUR_CALM
        link.put_reset(stream.id, code)
        link.remove(stream, Event.RESET_SENT)
    link.charge(link.resets, link.completed)


def _refuse(link: Sending, stream_id: int, block: bytes) -> None:
    """Answer a block on a stream that takes none (section 5.1), after decoding it to keep the tables in step."""
    state = link.find_state(stream_id)
    answer = HEADERS_RECEIPT[link.role, state]
    if answer is Answer.TAKE or answer is Answer.PROTOCOL_ERROR:
        raise ConnectionBrokenError(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that the peer cannot open")
    if answer is Answer.CONNECTION_CLOSED:
        # Below the highest identifier one cannot tell a closed stream from one never used, which is PROTOCOL_ERROR.
        code = ErrorCode.STREAM_CLOSED if stream_id == link.highest else ErrorCode.PROTOCOL_ERROR
        raise ConnectionBrokenError(code, "HEADERS on a stream that is over")
    _decode(link, block)
    if answer is Answer.STREAM_CLOSED:
        raise StreamBrokenError(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS on a stream that has ended")
    link.charge(link.strays, link.completed)
