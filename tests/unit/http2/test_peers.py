"""The h2 library as the other end, in both roles."""

import h2.config
import h2.connection
import h2.events
import h2.settings
from http2_recording import Recorder, take
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_http2 import Connection, Limits, Role, encode

names = st.from_regex(rb"x-[a-z0-9_]{1,12}", fullmatch=True)
values = st.from_regex(rb"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True)
metadata = st.lists(
    st.one_of(st.tuples(names, values), st.just((b"authorization", b"Bearer " + b"t" * 200))), max_size=5
)
messages = st.lists(st.one_of(st.binary(min_size=1, max_size=50), st.integers(1, 90_000).map(bytes)), max_size=4)
exchanges = st.lists(st.tuples(metadata, messages, metadata, messages, metadata), min_size=1, max_size=4)
windows = st.sampled_from([1000, 20_000, 65_535, 300_000])
table_sizes = st.sampled_from([0, 100, 4096])

REQUEST_HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/s/m"), (b":authority", b"here")]
RESPONSE_HEAD = [(b":status", b"200")]


def library(client: bool, window: int) -> h2.connection.H2Connection:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding=None))
    connection.local_settings = h2.settings.Settings(
        client=client, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
    )
    connection.initiate_connection()
    return connection


def flush_library(
    connection: h2.connection.H2Connection, waiting: dict[int, bytearray], ends: dict[int, object]
) -> None:
    """Send of each stream's payload what h2's windows allow, and behind it trailers or the end."""
    for number in list(waiting):
        left = waiting[number]
        while left:
            size = min(connection.local_flow_control_window(number), connection.max_outbound_frame_size, len(left))
            if size <= 0:
                break
            connection.send_data(number, bytes(left[:size]), pad_length=size % 3 if size > 10 and size < 100 else None)
            del left[:size]
        if not left:
            del waiting[number]
            trailers = ends[number]
            if trailers is None:
                connection.end_stream(number)
            else:
                connection.send_headers(number, trailers, end_stream=True)


class Answering(Recorder):
    """Answer each request when it has ended; give credit at once."""

    connection: Connection

    def __init__(self, plans) -> None:
        super().__init__()
        self.plans = plans

    def on_data(self, stream, data, end):
        super().on_data(stream, data, end)
        self.connection.credit(stream, len(data))
        if end:
            self.answer(stream)

    def on_headers(self, stream, fields, end):
        super().on_headers(stream, fields, end)
        if end:
            self.answer(stream)

    def answer(self, stream):
        _, _, head, payloads, trailers = self.plans[stream.id // 2]
        self.connection.send_headers(stream, encode(RESPONSE_HEAD + head))
        for payload in payloads:
            self.connection.send_data(stream, payload)
        self.connection.send_headers(stream, encode([*trailers, (b"grpc-status", b"0")]), end=True)


@settings(deadline=None, max_examples=40)
@given(exchanges, windows, windows, table_sizes)
def test_a_library_client_and_our_server_understand_each_other(plans, ours, theirs, table):
    handler = Answering(plans)
    limits = Limits(stream_window=ours, connection_window=max(ours, 65_535), header_table_size=table)
    server = handler.connection = Connection(Role.SERVER, limits, handler)
    client = library(client=True, window=theirs)
    got: dict[int, list[object]] = {}
    client.receive_data(take(server))
    server.receive(client.data_to_send())
    waiting, ends = {}, {}
    for place, (head, payloads, *_) in enumerate(plans):
        number = 2 * place + 1
        client.send_headers(number, REQUEST_HEAD + head, end_stream=not payloads)
        if payloads:
            waiting[number], ends[number] = bytearray(b"".join(payloads)), None
    for _ in range(2000):
        flush_library(client, waiting, ends)
        data = client.data_to_send()
        server.receive(data)
        answer = take(server)
        if not data and not answer:
            break
        collect(client, answer, got)
    for place, (head, payloads, answer_head, answers, trailers) in enumerate(plans):
        number = 2 * place + 1
        assert handler.data(number) == b"".join(payloads)
        assert [tuple(pair) for pair in seen_headers(handler, number)] == REQUEST_HEAD + head
        assert got[number][0] == RESPONSE_HEAD + answer_head
        assert got[number][1] == b"".join(answers)
        assert got[number][2] == [*trailers, (b"grpc-status", b"0")]
    assert not server.open_streams
    assert not server.ended


def seen_headers(handler: Recorder, number: int):
    return next(call[2] for call in handler.calls if call[:2] == ("headers", number))


def collect(client: h2.connection.H2Connection, data: bytes, got: dict[int, list[object]]) -> None:
    """Note what the library received, and let its windows reopen."""
    for event in client.receive_data(data):
        match event:
            case h2.events.ResponseReceived() | h2.events.RequestReceived():
                got[event.stream_id] = [[tuple(pair) for pair in event.headers], b"", None, False]
            case h2.events.DataReceived():
                got[event.stream_id][1] += event.data
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.TrailersReceived():
                got[event.stream_id][2] = [tuple(pair) for pair in event.headers]
            case h2.events.StreamEnded():
                got[event.stream_id][3] = True
            case h2.events.ConnectionTerminated() | h2.events.StreamReset():
                raise AssertionError(event)


class Crediting(Recorder):
    """Give credit at once."""

    connection: Connection

    def on_data(self, stream, data, end):
        super().on_data(stream, data, end)
        self.connection.credit(stream, len(data))


@settings(deadline=None, max_examples=40)
@given(exchanges, windows, windows, table_sizes)
def test_our_client_and_a_library_server_understand_each_other(plans, ours, theirs, table):  # noqa: C901 -- one story
    handler = Crediting()
    limits = Limits(stream_window=ours, connection_window=max(ours, 65_535), header_table_size=table)
    client = handler.connection = Connection(Role.CLIENT, limits, handler)
    server = library(client=False, window=theirs)
    client.receive(server.data_to_send())
    got: dict[int, list[object]] = {}
    waiting, ends, answered = {}, {}, set()
    for head, payloads, *_ in plans:
        stream = client.request(encode(REQUEST_HEAD + head), end=not payloads)
        for place, payload in enumerate(payloads):
            client.send_data(stream, payload, end=place == len(payloads) - 1)
    for _ in range(2000):
        data = take(client)
        collect(server, data, got)
        for number, (*_, ended) in got.items():
            if ended and number not in answered:
                answered.add(number)
                _, _, head, payloads, trailers = plans[number // 2]
                server.send_headers(number, RESPONSE_HEAD + head)
                waiting[number], ends[number] = bytearray(b"".join(payloads)), [*trailers, (b"grpc-status", b"0")]
        flush_library(server, waiting, ends)
        answer = server.data_to_send()
        client.receive(answer)
        if not data and not answer:
            break
    for place, (head, payloads, answer_head, answers, trailers) in enumerate(plans):
        number = 2 * place + 1
        assert got[number][0] == REQUEST_HEAD + head
        assert got[number][1] == b"".join(payloads)
        assert list(seen_headers(handler, number)) == RESPONSE_HEAD + answer_head
        assert handler.data(number) == b"".join(answers)
        assert [list(call[2]) for call in handler.calls if call[:2] == ("trailers", number)] == [
            [*trailers, (b"grpc-status", b"0")]
        ]
    assert not client.open_streams
    assert not client.ended
