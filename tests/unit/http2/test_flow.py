"""Windows both ways, queues, pauses and what waits behind queued DATA."""

import pytest
from http2_recording import REQUEST, RESPONSE, TRAILERS, a_client, a_server, failure, frame, parse, resets, take

from fourplane_http2 import ErrorCode, Limits, MisuseError

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)


def window(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW, 0, stream_id, increment.to_bytes(4, "big"))


def initial_window(size: int) -> bytes:
    return frame(SETTINGS, 0, 0, b"\0\4" + size.to_bytes(4, "big"))


def sent_data(connection) -> list[tuple[int, int, bool]]:
    """Return stream, length and end of every DATA frame in `out`."""
    return [
        (number, len(payload), bool(flags & 1)) for kind, flags, number, payload in parse(take(connection)) if kind == 0
    ]


def updates(connection) -> list[tuple[int, int]]:
    return [
        (number, int.from_bytes(load, "big")) for kind, _, number, load in parse(take(connection)) if kind == WINDOW
    ]


def test_data_stops_at_the_streams_window_and_goes_on_with_its_update():
    client = a_client()
    client.receive(initial_window(10))
    stream = client.request(REQUEST)
    client.send_data(stream, b"x" * 25, end=True)
    assert stream.queued == 15
    assert sent_data(client) == [(1, 10, False)]
    client.receive(window(1, 10))
    assert sent_data(client) == [(1, 10, False)]
    client.receive(window(1, 10))
    assert sent_data(client) == [(1, 5, True)]
    assert stream.local_closed
    assert client.handler.calls == [("sent", 1, 10), ("sent", 1, 10), ("sent", 1, 5)]


def test_data_stops_at_the_connections_window_and_streams_share_what_opens():
    client = a_client()
    client.receive(initial_window(10**6))
    first, second = client.request(REQUEST), client.request(REQUEST)
    client.send_data(first, bytes(100_000))
    client.send_data(second, bytes(100_000))
    assert sum(size for _, size, _ in sent_data(client)) == 65_535
    client.receive(window(0, 4 * 16_384))
    assert [number for number, _, _ in sent_data(client)] == [1, 3, 1, 3]
    client.receive(window(0, 10**6))
    take(client)
    assert first.queued == second.queued == 0


def test_a_stream_without_window_holds_no_other_back():
    client = a_client()
    client.receive(initial_window(10))
    slow, quick = client.request(REQUEST), client.request(REQUEST)
    client.send_data(slow, bytes(100))
    client.receive(window(3, 1000))
    client.send_data(quick, bytes(500))
    assert sent_data(client) == [(1, 10, False), (3, 500, False)]


def test_a_shrunken_window_goes_below_zero_and_must_be_filled_first():
    client = a_client()
    stream = client.request(REQUEST)
    client.send_data(stream, bytes(1000))
    client.receive(initial_window(500))
    assert stream.send_window == -500
    client.send_data(stream, bytes(10))
    client.receive(window(1, 500))
    assert stream.queued == 10
    client.receive(window(1, 4))
    assert stream.queued == 6
    client.receive(initial_window(10_000))
    assert stream.queued == 0


def test_an_initial_window_that_overflows_a_stream_ends_the_connection():
    client = a_client()
    client.request(REQUEST)
    client.receive(window(1, 2**31 - 1 - 65_535))
    client.receive(initial_window(65_536))
    assert failure(client) == ErrorCode.FLOW_CONTROL_ERROR


def test_trailers_wait_behind_queued_data():
    server = a_server()
    server.receive(initial_window(10) + frame(HEADERS, 5, 1, REQUEST))
    stream = server.handler.streams[1]
    server.send_headers(stream, RESPONSE)
    server.send_data(stream, b"x" * 30)
    server.send_headers(stream, TRAILERS, end=True)
    take(server)
    server.receive(window(1, 10))
    assert [kind for kind, _, _, _ in parse(take(server))] == [DATA]
    server.receive(window(1, 10))
    assert [(kind, flags) for kind, flags, _, _ in parse(take(server))] == [(DATA, 0), (HEADERS, 5)]
    assert stream.over
    assert not server.open_streams


def test_an_end_alone_waits_behind_queued_data_but_needs_no_window():
    client = a_client()
    client.receive(initial_window(10))
    first, second = client.request(REQUEST), client.request(REQUEST)
    client.send_data(first, bytes(20))
    client.send_data(first, b"", end=True)
    client.send_data(second, bytes(10))
    client.send_data(second, b"", end=True)
    assert sent_data(client) == [(1, 10, False), (3, 10, False), (3, 0, True)]
    client.receive(window(1, 10))
    assert sent_data(client) == [(1, 10, True)]


def test_nothing_but_trailers_may_follow_queued_data():
    client = a_client()
    client.receive(initial_window(10))
    stream = client.request(REQUEST)
    client.send_data(stream, bytes(20))
    with pytest.raises(MisuseError):
        client.send_headers(stream, TRAILERS)
    client.send_data(stream, b"", end=True)
    with pytest.raises(MisuseError):
        client.send_data(stream, b"x")


def test_a_paused_connection_sends_headers_and_control_frames_but_no_data():
    client = a_client()
    client.pause()
    stream = client.request(REQUEST)
    client.send_data(stream, b"hello", end=True)
    client.receive(frame(PING, 0, 0, bytes(8)))
    assert [kind for kind, _, _, _ in parse(take(client))] == [HEADERS, PING]
    client.receive(window(0, 100) + window(1, 100) + initial_window(10**5))
    assert sent_data(client) == []
    client.resume()
    assert sent_data(client) == [(1, 5, True)]


def test_resuming_serves_the_streams_in_turn():
    client = a_client()
    client.pause()
    streams = [client.request(REQUEST) for _ in range(3)]
    for stream in streams:
        client.send_data(stream, bytes(20_000), end=True)
    take(client)
    client.resume()
    assert sent_data(client) == [
        *((stream.id, 16_384, False) for stream in streams),
        *((stream.id, 3_616, True) for stream in streams),
    ]


def test_a_pause_from_within_stops_the_flush():
    client = a_client()
    client.pause()
    for _ in range(3):
        client.send_data(client.request(REQUEST), b"x" * 10, end=True)
    take(client)
    client.handler.on_sent = lambda stream, count: client.pause()  # noqa: ARG005
    client.resume()
    assert sent_data(client) == [(1, 10, True)]


def test_a_reset_drops_what_was_queued():
    client = a_client()
    client.receive(initial_window(10))
    first, second = client.request(REQUEST), client.request(REQUEST)
    for stream in (first, second):
        client.send_data(stream, bytes(20))
        client.send_headers(stream, TRAILERS, end=True)
    client.reset(first, 8)
    client.receive(frame(RST, 0, 3, bytes(4)))
    take(client)
    client.receive(window(1, 100) + window(3, 100) + window(0, 100))
    assert first.queued == second.queued == 0
    assert not client.out


def test_streams_that_were_reset_do_not_pile_up_in_the_rotation():
    client = a_client()
    client.pause()
    for _ in range(50):
        stream = client.request(REQUEST)
        client.send_data(stream, b"x")
        client.reset(stream, 8)
    assert not client.ready


def test_large_payload_is_sent_in_frames_without_a_copy():
    client = a_client()
    client.receive(initial_window(2**20) + window(0, 2**20) + frame(SETTINGS, 0, 0, b"\0\5\0\1\0\0"))
    stream = client.request(REQUEST)
    take(client)
    payload = bytes(200_000)
    client.send_data(stream, payload[:60_000])
    assert len(client.out) == 2
    client.send_data(stream, payload, end=True)
    assert all(piece.obj is payload for piece in client.out[3::2])
    assert sent_data(client) == [(1, size, size == 3_392) for size in (60_000, 65_536, 65_536, 65_536, 3_392)]


def test_the_connections_window_is_reopened_on_receipt_by_halves():
    server = a_server(Limits(connection_window=100_000))
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 0, 1, bytes(16_384)) * 3)
    assert updates(server) == []
    server.receive(frame(DATA, 0, 1, bytes(16_384)))
    assert updates(server) == [(0, 65_536)]


def test_a_streams_window_is_reopened_by_credit_alone():
    server = a_server(Limits(stream_window=100_000))
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 0, 1, bytes(16_384)) * 6)
    stream = server.handler.streams[1]
    server.credit(stream, 49_999)
    assert updates(server) == []
    server.credit(stream, 1)
    assert updates(server) == [(1, 50_000)]
    server.receive(frame(DATA, 0, 1, bytes(16_384)) * 3)
    assert resets(server) == []
    server.receive(frame(DATA, 0, 1, bytes(16_384)))
    assert resets(server) == [(1, ErrorCode.FLOW_CONTROL_ERROR)]
    assert server.handler.calls[-1] == ("reset", 1, ErrorCode.FLOW_CONTROL_ERROR)


def test_credit_for_an_ended_stream_says_nothing():
    server = a_server(Limits(stream_window=100))
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 1, 1, bytes(100)))
    server.credit(server.handler.streams[1], 100)
    assert not server.out


def test_padding_is_credited_at_once():
    server = a_server(Limits(stream_window=200))
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 8, 1, b"\x63x" + bytes(99)))
    assert updates(server) == [(1, 100)]
    assert server.handler.data(1) == b"x"


def test_an_overrun_of_the_connections_window_ends_the_connection():
    server = a_server(Limits(connection_window=65_535, stream_window=2**30, max_frame_size=2**20))
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 0, 1, bytes(65_536)))
    assert failure(server) == ErrorCode.FLOW_CONTROL_ERROR


def test_data_on_reset_streams_counts_for_the_connections_window():
    server = a_server(Limits(connection_window=65_535))
    server.receive(frame(HEADERS, 4, 1, REQUEST))
    server.reset(server.handler.streams[1], 0)
    take(server)
    server.receive(frame(DATA, 0, 1, bytes(16_384)) * 3)
    assert updates(server) == [(0, 49_152)]


def test_until_our_settings_are_acknowledged_the_default_window_holds():
    server = a_server(Limits(stream_window=1000), settled=False)
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 0, 1, bytes(10_000)))
    assert server.handler.names() == ["headers", "data"]
    server.receive(frame(SETTINGS, 1, 0) + frame(HEADERS, 4, 3, REQUEST) + frame(DATA, 0, 3, bytes(1001)))
    assert resets(server) == [(3, ErrorCode.FLOW_CONTROL_ERROR)]
    server.credit(server.handler.streams[1], 10_000)
    assert updates(server) == [(1, 10_000)]
    assert server.handler.streams[1].receive_window == 1000


def test_a_large_frame_is_passed_on_as_it_comes():
    server = a_server(Limits(max_frame_size=2**20, stream_window=2**20))
    payload = bytes(range(256)) * 4000
    data = frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 1, 1, payload)
    server.receive(data[:500_000])
    assert len(server.handler.data(1)) > 490_000
    server.receive(data[500_000:])
    assert server.handler.data(1) == payload
    assert [call[3] for call in server.handler.calls if call[0] == "data"] == [False, True]


def test_the_rest_of_a_frame_on_a_stream_reset_meanwhile_is_skipped():
    server = a_server()
    data = (
        frame(HEADERS, 4, 1, REQUEST)
        + frame(DATA, 8 | 1, 1, b"\2" + bytes(1000) + b"\0\0")
        + frame(PING, 0, 0, bytes(8))
    )
    server.receive(data[:500])
    server.reset(server.handler.streams[1], 0)
    take(server)
    server.receive(data[500:])
    assert [kind for kind, _, _, _ in parse(take(server))] == [PING]
    assert server.handler.names() == ["headers", "data"]


def test_the_rest_of_a_frame_that_was_refused_is_skipped():
    server = a_server(Limits(stream_window=65_535))
    data = frame(HEADERS, 5, 1, REQUEST) + frame(DATA, 0, 1, bytes(10_000)) + frame(PING, 0, 0, bytes(8))
    for piece in (data[:200], data[200:5000], data[5000:]):
        server.receive(piece)
    assert [kind for kind, _, _, _ in parse(take(server))] == [RST, PING]
