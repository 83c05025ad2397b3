"""What a server answers to a client that breaks a rule of RFC 9113 or RFC 7541."""

import pytest
from http2_recording import REQUEST, RESPONSE, TRAILERS, Recorder, a_server, failure, frame, parse, resets, take

from fourplane_http2 import Connection, ErrorCode, Limits, MisuseError, Role, encode

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
OPENED = frame(HEADERS, 4, 1, REQUEST)
ENDED = frame(HEADERS, 5, 1, REQUEST)
BROKEN, CLOSED, SIZE, FLOW, COMPRESSION, CALM = (
    ErrorCode.PROTOCOL_ERROR,
    ErrorCode.STREAM_CLOSED,
    ErrorCode.FRAME_SIZE_ERROR,
    ErrorCode.FLOW_CONTROL_ERROR,
    ErrorCode.COMPRESSION_ERROR,
    ErrorCode.ENHANCE_YOUR_CALM,
)


def setting(key: int, value: int) -> bytes:
    return key.to_bytes(2, "big") + value.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(DATA, 0, 1, b"x"), BROKEN, id="DATA on an idle stream"),
        pytest.param(frame(RST, 0, 1, bytes(4)), BROKEN, id="RST_STREAM on an idle stream"),
        pytest.param(frame(WINDOW, 0, 1, b"\0\0\0\1"), BROKEN, id="WINDOW_UPDATE on an idle stream"),
        pytest.param(frame(CONTINUATION, 4, 1, REQUEST), BROKEN, id="CONTINUATION without HEADERS"),
        pytest.param(frame(HEADERS, 5, 2, REQUEST), BROKEN, id="an even stream"),
        pytest.param(frame(HEADERS, 5, 0, REQUEST), BROKEN, id="HEADERS without a stream"),
        pytest.param(frame(HEADERS, 1, 0, REQUEST), BROKEN, id="HEADERS without a stream or an end"),
        pytest.param(
            frame(HEADERS, 5, 5, REQUEST) + frame(HEADERS, 5, 3, REQUEST), BROKEN, id="a stream below the last"
        ),
        pytest.param(frame(DATA, 0, 0, b"x"), BROKEN, id="DATA without a stream"),
        pytest.param(frame(PRIORITY, 0, 0, bytes(5)), BROKEN, id="PRIORITY without a stream"),
        pytest.param(frame(RST, 0, 0, bytes(4)), BROKEN, id="RST_STREAM without a stream"),
        pytest.param(frame(SETTINGS, 0, 1), BROKEN, id="SETTINGS on a stream"),
        pytest.param(frame(PING, 0, 1, bytes(8)), BROKEN, id="PING on a stream"),
        pytest.param(frame(GOAWAY, 0, 1, bytes(8)), BROKEN, id="GOAWAY on a stream"),
        pytest.param(frame(PUSH, 4, 1, bytes(4) + REQUEST), BROKEN, id="PUSH_PROMISE"),
        pytest.param(OPENED + frame(RST, 0, 1, bytes(3)), SIZE, id="RST_STREAM of 3 bytes"),
        pytest.param(frame(SETTINGS, 0, 0, bytes(5)), SIZE, id="SETTINGS of 5 bytes"),
        pytest.param(frame(SETTINGS, 1, 0, bytes(6)), SIZE, id="an acknowledgement with settings"),
        pytest.param(frame(PING, 0, 0, bytes(7)), SIZE, id="PING of 7 bytes"),
        pytest.param(frame(GOAWAY, 0, 0, bytes(7)), SIZE, id="GOAWAY of 7 bytes"),
        pytest.param(frame(WINDOW, 0, 0, bytes(3)), SIZE, id="WINDOW_UPDATE of 3 bytes"),
        pytest.param(OPENED + frame(DATA, 0, 1, bytes(16385)), SIZE, id="a frame above the announced size"),
        pytest.param(frame(HEADERS, 0x28 | 5, 1, bytes(3)), SIZE, id="HEADERS too short for its flags"),
        pytest.param(
            frame(HEADERS, 0x20 | 5, 1, b"\0\0\0\1\0" + REQUEST), BROKEN, id="HEADERS that depend on themselves"
        ),
        pytest.param(frame(HEADERS, 8 | 5, 1, b"\xff" + REQUEST), BROKEN, id="HEADERS with too much padding"),
        pytest.param(OPENED + frame(DATA, 8, 1, b"\5hell"), BROKEN, id="DATA with too much padding"),
        pytest.param(OPENED + frame(DATA, 8, 1), BROKEN, id="padded DATA without a length of padding"),
        pytest.param(frame(SETTINGS, 0, 0, setting(2, 2)), BROKEN, id="ENABLE_PUSH of 2"),
        pytest.param(frame(SETTINGS, 0, 0, setting(4, 2**31)), FLOW, id="INITIAL_WINDOW_SIZE above the largest"),
        pytest.param(frame(SETTINGS, 0, 0, setting(5, 16383)), BROKEN, id="MAX_FRAME_SIZE below the least"),
        pytest.param(frame(SETTINGS, 0, 0, setting(5, 2**24)), BROKEN, id="MAX_FRAME_SIZE above the largest"),
        pytest.param(frame(WINDOW, 0, 0, bytes(4)), BROKEN, id="WINDOW_UPDATE of nothing"),
        pytest.param(frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff"), FLOW, id="a connection window that overflows"),
        pytest.param(frame(HEADERS, 5, 1, b"\x80"), COMPRESSION, id="a block that does not decode"),
        pytest.param(frame(HEADERS, 1, 1, REQUEST) + frame(PING, 0, 0, bytes(8)), BROKEN, id="PING within a block"),
        pytest.param(frame(HEADERS, 1, 1, REQUEST) + frame(77, 0, 1), BROKEN, id="an unknown frame within a block"),
        pytest.param(
            frame(HEADERS, 1, 1, REQUEST) + frame(CONTINUATION, 4, 3), BROKEN, id="another stream's CONTINUATION"
        ),
        pytest.param(
            frame(HEADERS, 1, 1, REQUEST) + frame(HEADERS, 5, 3, REQUEST), BROKEN, id="HEADERS within a block"
        ),
        pytest.param(ENDED + frame(CONTINUATION, 4, 1, b""), BROKEN, id="CONTINUATION behind a whole block"),
    ],
)
def test_a_breach_that_ends_the_connection(data, code):
    server = a_server()
    server.receive(data)
    assert failure(server) == code
    server.receive(OPENED)
    assert server.handler.calls[-1][0] == "end"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(ENDED + frame(DATA, 0, 1, b"x"), CLOSED, id="DATA behind END_STREAM"),
        pytest.param(ENDED + frame(HEADERS, 5, 1, TRAILERS), CLOSED, id="HEADERS behind END_STREAM"),
        pytest.param(OPENED + frame(HEADERS, 4, 1, TRAILERS), BROKEN, id="trailers without END_STREAM"),
        pytest.param(OPENED + frame(HEADERS, 5, 1, REQUEST), BROKEN, id="trailers with pseudo-headers"),
        pytest.param(OPENED + frame(WINDOW, 0, 1, bytes(4)), BROKEN, id="WINDOW_UPDATE of nothing"),
        pytest.param(OPENED + frame(WINDOW, 0, 1, b"\x7f\xff\xff\xff"), FLOW, id="a window that overflows"),
        pytest.param(OPENED + frame(PRIORITY, 0, 1, bytes(4)), SIZE, id="PRIORITY of 4 bytes"),
        pytest.param(OPENED + frame(PRIORITY, 0, 1, b"\0\0\0\1\0"), BROKEN, id="PRIORITY on itself"),
        pytest.param(
            OPENED + frame(RST, 0, 1, bytes(4)) + frame(DATA, 0, 1, b"x"), CLOSED, id="DATA behind RST_STREAM"
        ),
    ],
)
def test_a_breach_that_ends_one_stream(data, code):
    server = a_server()
    server.receive(data)
    assert resets(server) == [(1, code)]
    assert [call[0] for call in server.handler.calls].count("reset") == 1
    assert not server.open_streams
    server.receive(frame(HEADERS, 5, 3, REQUEST))
    assert server.handler.calls[-1][:2] == ("headers", 3)


def head(*changes: tuple[bytes, bytes], without: bytes = b"") -> bytes:
    start = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/x"), (b"te", b"trailers")]
    return encode([pair for pair in start if pair[0] != without] + list(changes))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(head((b"X-Upper", b"1")), id="an upper-case name"),
        pytest.param(head((b"", b"1")), id="an empty name"),
        pytest.param(head((b"sp ace", b"1")), id="a space in a name"),
        pytest.param(head((b"a", b"1\r\n")), id="a line end in a value"),
        pytest.param(head((b"a", b"\0")), id="NUL in a value"),
        pytest.param(head((b":path", b"/y")), id="a pseudo-header twice"),
        pytest.param(head((b":status", b"200")), id="a response's pseudo-header"),
        pytest.param(head((b":unknown", b"1")), id="an unknown pseudo-header"),
        pytest.param(head((b":authority", b"a")), id="a pseudo-header behind a field"),
        pytest.param(head(without=b":method"), id="no method"),
        pytest.param(head(without=b":scheme"), id="no scheme"),
        pytest.param(head(without=b":path"), id="no path"),
        pytest.param(head((b":path", b""), without=b":path"), id="an empty path"),
        pytest.param(head((b"connection", b"close")), id="connection"),
        pytest.param(head((b"transfer-encoding", b"chunked")), id="transfer-encoding"),
        pytest.param(head((b"te", b"gzip")), id="te other than trailers"),
        pytest.param(head((b"content-length", b"x")), id="a content-length that is no number"),
        pytest.param(head((b"content-length", b"1"), (b"content-length", b"1")), id="two content-lengths"),
        pytest.param(head((b"content-length", b"1")), id="a content-length without content"),
        pytest.param(
            encode([(b":method", b"CONNECT"), (b":path", b"/"), (b":authority", b"a")]), id="CONNECT with a path"
        ),
    ],
)
def test_a_malformed_request_is_reset_and_never_shown(block):
    server = a_server()
    for number in (1, 3, 5):
        server.receive(frame(HEADERS, 5, number, block))
        assert resets(server) == [(number, BROKEN)]
    assert server.handler.calls == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(head((b"under_score", b"1"), (b"x-bin", b"\xff\x80")), id="underscores and high octets"),
        pytest.param(head((b"content-length", b"0")), id="a content-length of 0"),
        pytest.param(encode([(b":method", b"CONNECT"), (b":authority", b"a")]), id="CONNECT"),
        pytest.param(encode([(b"te", b"Trailers")])[:0] + head(), id="a plain one"),
    ],
)
def test_a_legal_request_is_shown(block):
    server = a_server()
    server.receive(frame(HEADERS, 5, 1, block))
    assert server.handler.names() == ["headers"]


@pytest.mark.parametrize("pieces", [(b"abc",), (b"abcd", b"e"), (b"abcd", b"efg")])
def test_data_that_differs_from_the_content_length_resets_the_stream(pieces):
    server = a_server()
    server.receive(frame(HEADERS, 4, 1, head((b"content-length", b"6"))))
    for place, piece in enumerate(pieces):
        server.receive(frame(DATA, place == len(pieces) - 1, 1, piece))
    assert resets(server) == [(1, BROKEN)]


def test_trailers_before_all_content_came_reset_the_stream():
    server = a_server()
    server.receive(frame(HEADERS, 4, 1, head((b"content-length", b"6"))) + frame(HEADERS, 5, 1, TRAILERS))
    assert resets(server) == [(1, BROKEN)]


def test_data_of_the_content_length_passes():
    server = a_server()
    server.receive(frame(HEADERS, 4, 1, head((b"content-length", b"6"))))
    server.receive(frame(DATA, 0, 1, b"abc") + frame(DATA, 8 | 1, 1, b"\2def\0\0"))
    assert server.handler.data(1) == b"abcdef"
    assert server.handler.calls[-1][3] is True


def test_frames_on_a_stream_that_both_sides_ended_are_breaches():
    server = a_server()
    server.receive(ENDED)
    server.send_headers(server.handler.streams[1], TRAILERS, end=True)
    take(server)
    server.receive(frame(WINDOW, 0, 1, b"\0\0\0\1") + frame(RST, 0, 1, bytes(4)))
    assert not server.out
    server.receive(frame(DATA, 0, 1, b"x"))
    assert resets(server) == [(1, CLOSED)]
    server.receive(frame(HEADERS, 5, 3, REQUEST))
    server.send_headers(server.handler.streams[3], TRAILERS, end=True)
    server.receive(frame(HEADERS, 5, 3, REQUEST))
    assert failure(server) == CLOSED


def test_late_frames_on_a_stream_that_we_reset_are_excused_and_keep_the_tables_in_step():
    server = a_server()
    server.receive(OPENED)
    server.reset(server.handler.streams[1], 0)
    server.receive(frame(DATA, 0, 1, b"late") + frame(WINDOW, 0, 1, b"\0\0\0\1") + frame(HEADERS, 5, 1, b"\x40\1a\1b"))
    server.receive(frame(HEADERS, 5, 3, REQUEST + b"\xbe"))
    assert resets(server) == [(1, 0)]
    assert server.handler.names() == ["headers", "headers"]
    assert server.handler.calls[-1][2][-1] == (b"a", b"b")


def test_a_reset_by_the_client_ends_the_stream_both_ways():
    server = a_server()
    server.receive(OPENED + frame(RST, 0, 1, b"\0\0\0\x08"))
    assert server.handler.calls[-1] == ("reset", 1, 8)
    stream = server.handler.streams[1]
    assert stream.local_closed and stream.remote_closed and stream.over
    server.send_headers(stream, RESPONSE)
    server.send_data(stream, b"x", end=True)
    server.reset(stream, 8)
    assert not server.out


def test_a_request_above_the_concurrency_is_refused_unseen():
    server = a_server(Limits(max_concurrent_streams=1))
    server.receive(OPENED + frame(HEADERS, 4, 3, REQUEST))
    assert resets(server) == [(3, ErrorCode.REFUSED_STREAM)]
    assert server.handler.names() == ["headers"]


def test_header_lists_above_the_bound_let_the_owner_answer_and_end_the_stream():
    server = a_server(Limits(max_header_list_bytes=1000))
    big = encode([(b"big", b"x" * 1500)])
    server.receive(frame(HEADERS, 5, 1, REQUEST + big + b"\x40\1a\1b"))
    assert server.handler.names() == ["too_large"]
    assert resets(server) == [(1, CALM)]
    server.receive(frame(HEADERS, 5, 3, REQUEST + b"\xbe"))
    assert server.handler.calls[-1][2][-1] == (b"a", b"b")


def test_an_answer_to_a_header_list_above_the_bound_goes_out_before_the_reset():
    server = a_server(Limits(max_header_fields=6))
    server.handler.on_too_large = lambda stream: server.send_headers(stream, TRAILERS, end=True)
    server.receive(frame(HEADERS, 4, 1, REQUEST + encode([(b"a", b"b")])))
    sent = parse(take(server))
    assert [(kind, flags) for kind, flags, _, _ in sent] == [(HEADERS, 5), (RST, 0)]
    assert sent[1][3] == bytes(4)
    server.receive(frame(HEADERS, 5, 3, REQUEST + encode([(b"a", b"b")])))
    assert [kind for kind, _, _, _ in parse(take(server))] == [HEADERS]


def test_a_block_far_above_the_bound_ends_the_connection():
    server = a_server(Limits(max_header_list_bytes=1000))
    server.receive(frame(HEADERS, 5, 1, REQUEST + encode([(b"big", b"x" * 5000)])))
    assert failure(server) == CALM


def test_padding_and_priority_of_headers_are_cut_off():
    server = a_server()
    server.receive(frame(HEADERS, 0x28 | 5, 1, b"\3" + b"\0\0\0\0\x10" + REQUEST + bytes(3)))
    server.receive(frame(HEADERS, 0x20 | 1, 3, b"\0\0\0\0\x10" + REQUEST[:5]) + frame(CONTINUATION, 4, 3, REQUEST[5:]))
    assert [call[1] for call in server.handler.calls] == [1, 3]
    assert server.handler.calls[0][2] == server.handler.calls[1][2]


def test_unknown_frames_and_settings_and_reserved_bits_are_ignored():
    server = a_server()
    server.receive(frame(99, 255, 7, b"whatever") + frame(SETTINGS, 0, 0, setting(99, 1)))
    server.receive(frame(HEADERS, 5, 2**31 + 1, REQUEST))
    assert server.handler.names() == ["headers"]


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"])
def test_what_is_not_http2_ends_the_connection(start):
    server = Connection(Role.SERVER, Limits(), Recorder())
    server.receive(start)
    assert failure(server) == BROKEN


def test_anything_but_settings_behind_the_preface_ends_the_connection():
    for first in (frame(PING, 0, 0, bytes(8)), frame(SETTINGS, 1, 0), OPENED):
        server = Connection(Role.SERVER, Limits(), Recorder())
        server.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + first)
        assert failure(server) == BROKEN


def test_settings_and_pings_are_answered():
    server = a_server()
    server.receive(frame(SETTINGS, 0, 0) + frame(PING, 0, 0, b"12345678") + frame(PING, 1, 0, b"abcdefgh"))
    assert parse(take(server)) == [(SETTINGS, 1, 0, b""), (PING, 1, 0, b"12345678")]
    assert server.handler.calls == [("pong", b"abcdefgh")]


def test_repeated_blocks_share_one_fields_object():
    server = a_server()
    seen = []
    server.handler.on_headers = lambda *call: seen.append(call[1])
    for number in range(1, 9, 2):
        server.receive(frame(HEADERS, 5, number, REQUEST))
    assert seen[2] is seen[3]


def test_blocks_are_not_shared_once_the_table_size_changed():
    server = a_server(Limits(header_table_size=4096))
    indexing = REQUEST + b"\x40\1a\1b"
    server.receive(frame(HEADERS, 5, 1, b"\x20" + REQUEST))
    for number in (3, 5, 7):
        server.receive(frame(HEADERS, 5, number, indexing))
    server.receive(frame(HEADERS, 5, 9, b"\x3f\xe1\x1f" + REQUEST))
    server.receive(frame(HEADERS, 5, 11, indexing) + frame(HEADERS, 5, 13, REQUEST + b"\xbe"))
    assert server.handler.calls[-1][2][-1] == (b"a", b"b")


def test_sending_behind_the_own_end_is_misuse():
    server = a_server()
    server.receive(OPENED)
    stream = server.handler.streams[1]
    server.send_headers(stream, RESPONSE, end=True)
    with pytest.raises(MisuseError):
        server.send_data(stream, b"x")
    with pytest.raises(MisuseError):
        server.send_headers(stream, TRAILERS, end=True)


def test_the_end_of_the_transport_ends_streams_and_connection_once():
    server = a_server()
    server.receive(OPENED)
    server.eof()
    server.eof()
    assert server.handler.calls[1:] == [("reset", 1, 8), ("end", None)]


def test_goaway_in_two_steps_takes_what_is_in_flight_and_then_no_more():
    server = a_server()
    server.receive(OPENED)
    server.goaway(last=2**31 - 1)
    server.receive(frame(HEADERS, 4, 3, REQUEST))
    server.goaway()
    server.receive(frame(HEADERS, 4, 5, REQUEST) + frame(DATA, 1, 5, b"x") + frame(DATA, 1, 3, b"y"))
    lasts = [int.from_bytes(payload[:4], "big") for kind, _, _, payload in parse(take(server)) if kind == GOAWAY]
    assert lasts == [2**31 - 1, 3]
    assert [call[:2] for call in server.handler.calls] == [("headers", 1), ("headers", 3), ("data", 3)]
    server.receive(frame(DATA, 0, 9, b"x"))
    assert int.from_bytes(parse(b"".join(server.out))[-1][3][:4], "big") == 3
    assert failure(server) == BROKEN


def test_a_response_block_above_the_frame_size_goes_out_in_continuations():
    server = a_server()
    server.receive(ENDED)
    server.send_headers(server.handler.streams[1], RESPONSE + encode([(b"x", b"y" * 40_000)]), end=True)
    sent = parse(take(server))
    assert [(kind, flags, len(payload) <= 16384) for kind, flags, _, payload in sent] == [
        (HEADERS, 1, True),
        (CONTINUATION, 0, True),
        (CONTINUATION, 4, True),
    ]


def test_a_peer_with_a_small_table_is_told_once_that_we_use_none():
    server = a_server()
    server.receive(frame(SETTINGS, 0, 0, setting(1, 0)) + ENDED + frame(HEADERS, 5, 3, REQUEST))
    take(server)
    server.send_headers(server.handler.streams[1], RESPONSE)
    server.send_headers(server.handler.streams[3], RESPONSE)
    assert [payload for _, _, _, payload in parse(take(server))] == [b"\x20" + RESPONSE, RESPONSE]
