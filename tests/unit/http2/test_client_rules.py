"""What a client makes of a server's answers, right ones, odd ones and wrong ones."""

import pytest
from http2_recording import REQUEST, RESPONSE, TRAILERS, Recorder, a_client, failure, frame, parse, resets, take

from fourplane_http2 import Budget, CannotOpenError, Connection, ErrorCode, Limits, Role, encode

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
ANSWER = frame(HEADERS, 4, 1, RESPONSE) + frame(DATA, 0, 1, b"x") + frame(HEADERS, 5, 1, TRAILERS)


def streams_setting(count: int) -> bytes:
    return frame(SETTINGS, 0, 0, b"\0\3" + count.to_bytes(4, "big"))


def test_requests_may_go_out_before_the_settings_came():
    client = Connection(Role.CLIENT, Limits(), Recorder())
    assert client.can_open
    client.request(REQUEST, end=True)
    assert take(client).startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def test_a_trailers_only_answer_is_a_head_that_ends():
    client = a_client()
    client.request(REQUEST, context="mine", end=True)
    client.receive(frame(HEADERS, 5, 1, encode([(b":status", b"200"), (b"grpc-status", b"5")])))
    assert client.handler.calls[0][0] == "headers"
    assert client.handler.calls[0][3] is True
    assert client.handler.streams[1].context == "mine"
    assert client.handler.streams[1].over


def test_informational_answers_are_swallowed():
    client = a_client()
    client.request(REQUEST, end=True)
    client.receive(frame(HEADERS, 4, 1, encode([(b":status", b"103")])) * 2 + ANSWER)
    assert client.handler.names() == ["headers", "data", "trailers"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(HEADERS, 4, 1, TRAILERS), id="a head without status"),
        pytest.param(frame(HEADERS, 4, 1, REQUEST), id="a request as answer"),
        pytest.param(frame(HEADERS, 4, 1, encode([(b":status", b"abc")])), id="a status that is no number"),
        pytest.param(frame(DATA, 0, 1, b"x"), id="DATA before the head"),
        pytest.param(frame(HEADERS, 5, 1, encode([(b":status", b"100")])), id="an informational answer that ends"),
        pytest.param(frame(HEADERS, 4, 1, RESPONSE) + frame(HEADERS, 4, 1, TRAILERS), id="trailers without an end"),
        pytest.param(frame(HEADERS, 4, 1, RESPONSE) + frame(HEADERS, 5, 1, RESPONSE), id="a second head"),
    ],
)
def test_a_malformed_answer_resets_its_stream_only(data):
    client = a_client()
    client.request(REQUEST, end=True)
    other = client.request(REQUEST, end=True)
    client.receive(data)
    assert resets(client) == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert client.handler.calls[-1] == ("reset", 1, ErrorCode.PROTOCOL_ERROR)
    assert not other.over


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(PUSH, 4, 1, b"\0\0\0\2" + REQUEST), id="PUSH_PROMISE"),
        pytest.param(frame(HEADERS, 4, 2, RESPONSE), id="a stream of the server"),
        pytest.param(frame(HEADERS, 4, 3, RESPONSE), id="a stream never opened"),
        pytest.param(frame(DATA, 0, 3, b"x"), id="DATA on a stream never opened"),
        pytest.param(frame(RST, 0, 3, bytes(4)), id="RST_STREAM on a stream never opened"),
        pytest.param(frame(SETTINGS, 0, 0, b"\0\2\0\0\0\1"), id="push enabled by the server"),
    ],
)
def test_a_breach_by_the_server_ends_the_connection(data):
    client = a_client()
    client.request(REQUEST, end=True)
    client.receive(data)
    assert failure(client) == ErrorCode.PROTOCOL_ERROR
    assert client.handler.calls[-2][:2] == ("reset", 1)


def test_a_server_that_ends_a_stream_six_times_is_tolerated():
    client = a_client()
    first = client.request(REQUEST, end=True)
    second = client.request(REQUEST)
    client.receive(ANSWER + (frame(HEADERS, 5, 1, TRAILERS) + frame(RST, 0, 1, bytes(4))) * 6 + frame(DATA, 0, 1, b"x"))
    assert client.handler.names() == ["headers", "data", "trailers"]
    client.receive(ANSWER.replace(b"\0\0\0\1", b"\0\0\0\3"))
    client.receive(frame(HEADERS, 5, 3, TRAILERS) * 5 + frame(DATA, 0, 3, b"x"))
    assert client.handler.names() == ["headers", "data", "trailers"] * 2
    assert first.over
    assert not second.over and second.remote_closed
    client.receive(frame(RST, 0, 3, bytes(4)) * 6)
    assert client.handler.calls[-1] == ("reset", 3, 0)
    assert failure(client) is None


def test_frames_on_closed_streams_without_end_break_the_connection():
    client = a_client(Limits(strays=Budget(burst=10)))
    client.request(REQUEST, end=True)
    client.receive(ANSWER + frame(HEADERS, 5, 1, TRAILERS) * 10)
    assert failure(client) is None
    client.receive(frame(RST, 0, 1, bytes(4)))
    assert failure(client) == ErrorCode.ENHANCE_YOUR_CALM


def test_late_blocks_keep_the_tables_in_step():
    client = a_client()
    stream = client.request(REQUEST)
    client.reset(stream, 8)
    client.request(REQUEST)
    client.receive(frame(HEADERS, 4, 1, RESPONSE + b"\x40\1a\1b") + frame(HEADERS, 4, 3, RESPONSE + b"\xbe"))
    assert client.handler.calls[-1][2][-1] == (b"a", b"b")


def test_a_refused_stream_is_told_apart_from_a_reset_one():
    client = a_client()
    for _ in range(2):
        client.request(REQUEST)
    client.receive(frame(RST, 0, 1, b"\0\0\0\7") + frame(RST, 0, 3, b"\0\0\0\2"))
    assert client.handler.calls == [("refused", 1), ("reset", 3, 2)]


def test_goaway_refuses_the_streams_above_its_last_and_the_others_go_on():
    client = a_client()
    for _ in range(3):
        client.request(REQUEST, end=True)
    client.receive(frame(GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\0bye"))
    assert client.handler.calls == [("goaway", 1, 0, b"bye"), ("refused", 3), ("refused", 5)]
    assert not client.can_open
    with pytest.raises(CannotOpenError):
        client.request(REQUEST)
    client.receive(ANSWER)
    assert client.handler.names()[3:] == ["headers", "data", "trailers"]
    client.eof()
    assert client.handler.calls[-1] == ("end", None)


def test_goaway_in_two_steps_refuses_nothing_at_first():
    client = a_client()
    client.request(REQUEST, end=True)
    client.receive(frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"))
    assert client.handler.names() == ["goaway"]
    assert not client.can_open
    client.receive(frame(GOAWAY, 0, 0, bytes(8)))
    assert client.handler.names() == ["goaway", "goaway", "refused"]


def test_the_servers_bound_on_streams_is_kept_and_changes_are_told():
    client = a_client()
    client.receive(streams_setting(1))
    assert client.handler.names() == ["ready"]
    client.request(REQUEST, end=True)
    assert not client.can_open
    client.receive(streams_setting(2))
    assert client.can_open
    client.receive(streams_setting(2))
    assert client.handler.names() == ["ready", "ready"]
    client.request(REQUEST, end=True)
    client.receive(ANSWER)
    assert client.can_open


def test_identifiers_run_out_without_wrapping():
    client = a_client()
    client.next_id = 2**31 - 1
    assert client.request(REQUEST).id == 2**31 - 1
    assert not client.can_open


def test_no_request_goes_out_behind_the_own_goaway_or_the_end():
    client = a_client()
    client.goaway()
    assert not client.can_open
    other = a_client()
    other.eof()
    assert not other.can_open
    other.ping(bytes(8))
    other.goaway()
    assert not other.out


def test_a_server_opens_no_streams():
    server = Connection(Role.SERVER, Limits(), Recorder())
    with pytest.raises(CannotOpenError):
        server.request(REQUEST)


def test_a_lost_connection_resets_what_was_open():
    client = a_client()
    client.request(REQUEST)
    client.eof()
    assert client.handler.calls == [("reset", 1, ErrorCode.CONNECT_ERROR), ("end", None)]


def test_an_answer_with_trailers_above_the_bound_is_over_after_it_is_told():
    client = a_client(Limits(max_header_list_bytes=500))
    client.request(REQUEST, end=True)
    client.receive(frame(HEADERS, 4, 1, RESPONSE) + frame(HEADERS, 5, 1, encode([(b"grpc-message", b"x" * 600)])))
    assert client.handler.names() == ["headers", "too_large"]
    assert client.handler.streams[1].over
    assert resets(client) == [(1, 0)]


def test_the_clients_greeting_turns_push_off():
    client = Connection(Role.CLIENT, Limits(), Recorder())
    greeting = parse(take(client)[24:])
    assert greeting[0][0] == SETTINGS
    assert b"\0\2\0\0\0\0" in greeting[0][3]
    assert greeting[1][0] == WINDOW
