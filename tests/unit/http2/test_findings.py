"""What the fuzzers and a reading with them in mind have found, each by name."""

import pytest
from http2_recording import (
    REQUEST,
    RESPONSE,
    TRAILERS,
    Recorder,
    a_client,
    a_server,
    failure,
    frame,
    parse,
    resets,
    take,
)

from fourplane_http2 import Budget, Connection, ErrorCode, Limits, Role, encode

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
OPENED, ENDED = frame(HEADERS, 4, 1, REQUEST), frame(HEADERS, 5, 1, REQUEST)
REQUEST_FIELDS = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/s/m"), (b":authority", b"here"))
TO_4096 = b"\x3f\xe1\x1f"
"""A table size update to 4096."""


def setting(key: int, value: int) -> bytes:
    return key.to_bytes(2, "big") + value.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("payload", "code"), [(bytes(4), ErrorCode.FRAME_SIZE_ERROR), (b"\0\0\0\7\0", ErrorCode.PROTOCOL_ERROR)]
)
def test_a_bad_priority_on_an_idle_stream_ends_the_connection_since_no_reset_may_name_that_stream(payload, code):
    server = a_server()
    server.receive(OPENED + frame(PRIORITY, 0, 7, payload))
    assert failure(server) == code


def test_a_bad_priority_does_not_make_a_stream_excused_that_the_client_may_not_open():
    server = a_server()
    server.receive(frame(PRIORITY, 0, 8, b"\0\0\0\x08\0") + frame(HEADERS, 5, 8, REQUEST))
    assert failure(server) == ErrorCode.PROTOCOL_ERROR


def test_a_bad_priority_on_a_stream_that_is_over_resets_it_once():
    server = a_server()
    server.receive(OPENED + frame(RST, 0, 1, bytes(4)) + frame(PRIORITY, 0, 1, bytes(4)) * 3)
    assert resets(server) == [(1, ErrorCode.FRAME_SIZE_ERROR)]
    assert failure(server) is None


def test_trailers_do_not_overtake_what_an_owner_queues_when_it_hears_that_the_last_byte_has_left():
    class Adding(Recorder):
        def on_sent(self, stream, count):
            super().on_sent(stream, count)
            if self.names().count("sent") == 2:
                server.send_data(stream, b"b" * 10)
                server.send_headers(stream, TRAILERS, end=True)

    handler = Adding()
    server = Connection(Role.SERVER, Limits(), handler)
    server.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, setting(4, 5)) + frame(SETTINGS, 1, 0))
    server.receive(ENDED)
    stream = handler.streams[1]
    server.send_headers(stream, RESPONSE)
    server.send_data(stream, b"a" * 5)
    server.send_data(stream, b"a" * 5)
    take(server)
    server.receive(frame(WINDOW, 0, 1, (5).to_bytes(4, "big")))
    assert [kind for kind, *_ in parse(take(server))] == [DATA]
    server.receive(frame(WINDOW, 0, 1, (10).to_bytes(4, "big")))
    assert [(kind, len(payload)) for kind, _, _, payload in parse(take(server))] == [
        (DATA, 10),
        (HEADERS, len(TRAILERS)),
    ]


def test_an_owner_that_ends_the_connection_within_a_piece_of_content_hears_nothing_of_what_follows():
    class Ending(Recorder):
        def on_data(self, stream, data, end):
            super().on_data(stream, data, end)
            if data == b"second":
                server.fail(ErrorCode.INTERNAL_ERROR, "enough")

    server = a_server()
    server.handler = Ending()
    message = frame(DATA, 0, 1, b"first.second")
    server.receive(OPENED + message[:15])
    server.receive(message[15:] + frame(HEADERS, 5, 3, REQUEST))
    assert server.handler.names()[-2:] == ["reset", "end"]
    assert 3 not in server.handler.streams


def test_a_frame_that_comes_octet_by_octet_is_put_together_once():
    server = a_server()
    block = frame(HEADERS, 4, 1, REQUEST + encode([(b"x-long", b"y" * 3000)]))
    for at in range(len(block) - 1):
        server.receive(block[at : at + 1])
    assert len(server.held) > 3000
    server.receive(block[-1:])
    assert server.handler.names() == ["headers"]


def test_window_sizes_that_come_by_the_thousand_in_one_frame_are_counted():
    server = a_server(Limits(settings=Budget(burst=10)))
    flood = b"".join(setting(4, 65_535 + place % 2) for place in range(1, 2000))
    server.receive(OPENED + frame(SETTINGS, 0, 0, flood))
    assert failure(server) == ErrorCode.ENHANCE_YOUR_CALM


def test_one_window_size_costs_no_more_than_its_frame():
    server = a_server(Limits(settings=Budget(burst=10)))
    server.receive(OPENED + b"".join(frame(SETTINGS, 0, 0, setting(4, 65_535 + place)) for place in range(8)))
    assert failure(server) is None


@pytest.mark.parametrize("value", [b" x", b"x ", b"\tx", b"x\t", b" ", b"\t"])
@pytest.mark.parametrize("name", [b":path", b":authority", b":scheme", b"x-note", b"content-type"])
def test_white_space_around_a_value_makes_a_request_malformed(name, value):
    server = a_server()
    fields = [pair for pair in REQUEST_FIELDS if pair[0] != name]
    place = len(fields) if name[0] != ord(":") else 0
    fields.insert(place, (name, value))
    server.receive(frame(HEADERS, 5, 1, encode(fields)))
    assert resets(server) == [(1, ErrorCode.PROTOCOL_ERROR)]


def test_white_space_around_a_value_of_a_trailer_of_a_request_makes_it_malformed():
    server = a_server()
    server.receive(OPENED + frame(HEADERS, 5, 1, encode([(b"x-note", b"a ")])))
    assert resets(server) == [(1, ErrorCode.PROTOCOL_ERROR)]


def test_an_engines_message_may_end_with_a_blank_since_grpc_does_not_escape_it():
    client = a_client()
    stream = client.request(REQUEST, end=True)
    tail = RESPONSE + encode([(b"grpc-status", b"3"), (b"grpc-message", b"what is that? ")])
    client.receive(frame(HEADERS, 5, stream.id, tail))
    assert client.handler.calls[-1][2][-1] == (b"grpc-message", b"what is that? ")


def test_connect_with_a_scheme_and_a_path_is_malformed():
    server = a_server()
    server.receive(frame(HEADERS, 5, 1, encode([(b":method", b"CONNECT"), *REQUEST_FIELDS[1:]])))
    server.receive(frame(HEADERS, 5, 3, encode([(b":method", b"CONNECT"), REQUEST_FIELDS[3]])))
    assert resets(server) == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert server.handler.names() == ["headers"]


def test_a_remembered_block_does_not_keep_a_table_size_that_our_settings_have_taken_back():
    server = a_server(settled=False)
    for stream_id in (1, 3, 5):
        server.receive(frame(HEADERS, 5, stream_id, TO_4096 + REQUEST))
    assert server.handler.names() == ["headers"] * 3
    server.receive(frame(SETTINGS, 1, 0) + frame(HEADERS, 5, 7, TO_4096 + REQUEST))
    assert failure(server) == ErrorCode.COMPRESSION_ERROR
