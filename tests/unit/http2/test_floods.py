"""Each way to make us work for nothing, and where it ends."""

import pytest
from http2_recording import REQUEST, RESPONSE, TRAILERS, a_server, failure, frame, take

from fourplane_http2 import Budget, ErrorCode, Limits, encode

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
CALM = ErrorCode.ENHANCE_YOUR_CALM
TEN = Budget(burst=10)
OPENED = frame(HEADERS, 4, 1, REQUEST)


@pytest.mark.parametrize(
    ("limits", "start", "data"),
    [
        pytest.param(Limits(pings=TEN), b"", frame(PING, 0, 0, bytes(8)), id="pings"),
        pytest.param(Limits(pings=TEN), b"", frame(PING, 1, 0, bytes(8)), id="answers to pings never sent"),
        pytest.param(Limits(settings=Budget(burst=11)), b"", frame(SETTINGS, 0, 0), id="settings"),
        pytest.param(Limits(settings=Budget(burst=11)), b"", frame(SETTINGS, 1, 0), id="acknowledgements of settings"),
        pytest.param(Limits(settings=Budget(burst=11)), b"", frame(GOAWAY, 0, 0, bytes(8)), id="goaways"),
        pytest.param(Limits(empty_frames=TEN), OPENED, frame(DATA, 0, 1), id="empty DATA"),
        pytest.param(Limits(empty_frames=TEN), OPENED, frame(DATA, 8, 1, b"\3\0\0\0"), id="DATA of padding alone"),
        pytest.param(Limits(window_updates=TEN), b"", frame(WINDOW, 0, 0, b"\0\0\0\1"), id="window updates"),
        pytest.param(Limits(priorities=TEN), b"", frame(PRIORITY, 0, 1, bytes(5)), id="priorities"),
        pytest.param(
            Limits(empty_frames=TEN), frame(HEADERS, 0, 1, REQUEST), frame(CONTINUATION, 0, 1), id="empty CONTINUATIONs"
        ),
        pytest.param(
            Limits(max_continuations=10),
            frame(HEADERS, 0, 1),
            frame(CONTINUATION, 0, 1, b"\x10\1a\1b"),
            id="CONTINUATIONs",
        ),
    ],
)
def test_the_eleventh_of_ten_ends_the_connection(limits, start, data):
    server = a_server(limits)
    server.receive(start + data * 10)
    assert failure(server) is None
    server.receive(data)
    assert failure(server) == CALM


def reset_number(place: int) -> bytes:
    return frame(HEADERS, 4, place, REQUEST) + frame(RST, 0, place, b"\0\0\0\x08")


def test_a_rapid_reset_ends_the_connection():
    server = a_server(Limits(resets=TEN))
    for place in range(1, 21, 2):
        server.receive(reset_number(place))
    assert failure(server) is None
    server.receive(reset_number(21))
    assert failure(server) == CALM


def test_provoking_our_resets_is_as_good_as_a_rapid_reset():
    server = a_server(Limits(resets=TEN))
    for place in range(1, 23, 2):
        server.receive(frame(HEADERS, 4, place, REQUEST) + frame(WINDOW, 0, place, bytes(4)))
    assert failure(server) == CALM


def test_malformed_requests_count_as_resets():
    server = a_server(Limits(resets=TEN))
    for place in range(1, 23, 2):
        server.receive(frame(HEADERS, 5, place, TRAILERS))
    assert failure(server) == CALM


def test_headers_of_no_length_are_malformed_and_count():
    server = a_server(Limits(resets=TEN))
    for place in range(1, 23, 2):
        server.receive(frame(HEADERS, 5, place, REQUEST + b"\0\0\0" * 100))
    assert "headers" not in server.handler.names()
    assert failure(server) == CALM


def test_completed_streams_earn_resets_and_time_earns_them_too():
    server = a_server(Limits(resets=Budget(burst=2, per_second=1, per_work=1)))
    for place in range(1, 201, 4):
        server.receive(frame(HEADERS, 5, place, REQUEST))
        server.send_headers(server.handler.streams[place], TRAILERS, end=True)
        server.receive(reset_number(place + 2))
    assert failure(server) is None
    for second in range(20):
        server.receive(reset_number(1001 + 2 * second), float(second))
    assert failure(server) is None
    for place in range(4):
        server.receive(reset_number(2001 + 2 * place), 20.0)
    assert failure(server) == CALM


def test_earnings_are_bounded_by_the_burst():
    server = a_server(Limits(pings=Budget(burst=3, per_second=1000)))
    for _ in range(3):
        server.receive(frame(PING, 0, 0, bytes(8)), 0.0)
    server.receive(frame(PING, 0, 0, bytes(8)) * 3, 1e6)
    assert failure(server) is None
    server.receive(frame(PING, 0, 0, bytes(8)), 1e6)
    assert failure(server) == CALM


def test_window_updates_that_follow_our_data_are_free():
    server = a_server(Limits(window_updates=Budget(burst=10, per_work=2)))
    server.receive(OPENED)
    stream = server.handler.streams[1]
    server.send_headers(stream, RESPONSE)
    for _ in range(200):
        server.send_data(stream, b"x" * 100)
        server.receive(frame(WINDOW, 0, 0, b"\0\0\0\x64") + frame(WINDOW, 0, 1, b"\0\0\0\x64"))
    assert failure(server) is None


def test_a_peer_that_does_not_read_what_it_asks_for_is_dropped():
    server = a_server(Limits(max_backlog_bytes=2000, pings=Budget(burst=10**6)))
    server.pause()
    for _ in range(200):
        server.receive(frame(PING, 0, 0, bytes(8)))
    assert failure(server) == CALM


def test_a_peer_that_reads_again_is_kept():
    server = a_server(Limits(max_backlog_bytes=2000, pings=Budget(burst=10**6)))
    for _ in range(20):
        server.pause()
        server.receive(frame(PING, 0, 0, bytes(8)) * 50)
        take(server)
        server.resume()
    assert failure(server) is None


def test_a_header_block_without_end_is_cut_off_by_its_bytes():
    server = a_server(Limits(max_header_list_bytes=1000, max_continuations=10**6))
    server.receive(frame(HEADERS, 0, 1, REQUEST))
    for _ in range(41):
        server.receive(frame(CONTINUATION, 0, 1, bytes(100)))
    assert failure(server) == CALM


def test_references_that_swell_a_list_make_it_too_large():
    server = a_server(Limits(header_table_size=4096, max_header_list_bytes=16_000))
    value = b"v" * 3900
    length = len(value) - 127
    literal = b"\x40\1a\x7f" + bytes((length & 0x7F | 0x80, length >> 7)) + value
    server.receive(frame(HEADERS, 4, 1, REQUEST + literal))
    server.receive(frame(HEADERS, 4, 3, REQUEST + b"\xbe" * 15_000))
    assert server.handler.calls[-1] == ("too_large", 3)
    assert failure(server) is None


def test_legal_fields_in_great_number_are_too_large():
    server = a_server(Limits(max_header_fields=50))
    server.receive(frame(HEADERS, 4, 1, REQUEST + encode([(b"a", b"")] * 50)))
    assert server.handler.names() == ["too_large"]
