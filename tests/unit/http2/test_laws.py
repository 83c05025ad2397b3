"""Laws for any bytes and any chunking."""

import itertools

from http2_recording import REQUEST, RESPONSE, TRAILERS, Recorder, frame, take
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_http2 import Connection, Limits, Role, encode

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIMITS = Limits(stream_window=2000, max_header_list_bytes=2000, connection_window=100_000)

blocks = st.sampled_from(
    [REQUEST, RESPONSE, TRAILERS, b"\x40\1a\1b", b"\xbe", b"\x20", b"", encode([(b"x", b"y" * 500)])]
)
numbers = st.sampled_from([0, 1, 1, 1, 2, 3, 5])
plausible = st.one_of(
    st.builds(frame, st.just(1), st.sampled_from([4, 5, 0, 1]), numbers, blocks),
    st.builds(frame, st.just(1), st.sampled_from([4, 5]), numbers, st.just(REQUEST)),
    st.builds(frame, st.just(1), st.sampled_from([4, 5]), numbers, st.just(RESPONSE)),
    st.builds(frame, st.just(0), st.sampled_from([0, 1, 8, 9]), numbers, st.binary(max_size=60)),
    st.builds(frame, st.just(0), st.just(0), numbers, st.binary(min_size=600, max_size=900)),
    st.builds(frame, st.just(8), st.just(0), numbers, st.integers(0, 2**20).map(lambda n: n.to_bytes(4, "big"))),
    st.builds(frame, st.just(3), st.just(0), numbers, st.sampled_from([bytes(4), b"\0\0\0\7"])),
    st.builds(frame, st.just(9), st.sampled_from([0, 4]), numbers, blocks),
    st.builds(frame, st.integers(0, 12), st.integers(0, 255), numbers, st.binary(max_size=20)),
)
conversations = st.lists(plausible, max_size=15).map(b"".join)
cuts = st.lists(st.integers(0, 5000), max_size=12)


def started(role: Role) -> tuple[Connection, bytes]:
    """Return a connection, with requests under way if it is a client, and what its peer says first."""
    connection = Connection(role, LIMITS, Recorder())
    if role is Role.SERVER:
        return connection, PREFACE + frame(4, 0, 0)
    for _ in range(3):
        connection.send_data(connection.request(REQUEST), b"x" * 100, end=True)
    return connection, frame(4, 0, 0) + frame(4, 1, 0)


def joined(calls: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Put pieces of payload together that only the chunking separated."""
    result: list[tuple[object, ...]] = []
    for call in calls:
        if call[0] == "data" and result and result[-1][:2] == call[:2] and result[-1][3] is False:
            result[-1] = ("data", call[1], result[-1][2] + call[2], call[3])
        else:
            result.append(call)
    return result


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(Role), conversations, cuts, st.booleans())
def test_any_chunking_gives_the_same_calls_and_the_same_output(role, data, cut_at, by_byte):
    whole, start = started(role)
    pieces, _ = started(role)
    data = start + data
    whole.receive(data)
    places = range(len(data) + 1) if by_byte else sorted({0, len(data), *(place % (len(data) + 1) for place in cut_at)})
    for begin, end in itertools.pairwise(places):
        pieces.receive(data[begin:end])
    assert joined(pieces.handler.calls) == joined(whole.handler.calls)
    assert take(pieces) == take(whole)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(Role), st.lists(st.one_of(st.binary(max_size=80), conversations), max_size=4), st.booleans())
def test_garbage_ends_the_connection_at_most_and_cleanly(role, chunks, behind_start):
    connection, start = started(role)
    if behind_start:
        connection.receive(start)
    for chunk in chunks:
        connection.receive(chunk)
    over = connection.ended
    connection.eof()
    names = connection.handler.names()
    assert connection.ended
    assert names.count("end") == 1
    assert names[-1] == "end"
    assert (connection.handler.calls[-1][1] is not None) == over
    assert not connection.open_streams


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(Role), conversations)
def test_every_stream_shown_is_over_exactly_once_and_tells_nothing_after(role, data):
    connection, start = started(role)
    connection.receive(start + data)
    connection.eof()
    last: dict[object, object] = {}
    for name, number, *_ in (call for call in connection.handler.calls if call[0] in TOLD):
        assert last.get(number) not in {"reset", "refused", "too_large", "trailers"} or (
            last[number] == "trailers" and name in {"reset", "refused"}
        )
        last[number] = name


TOLD = {"headers", "data", "trailers", "reset", "refused", "too_large"}


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 2), st.integers(0, 40_000)),
            st.tuples(st.just("stream"), st.integers(0, 2), st.integers(1, 30_000)),
            st.tuples(st.just("connection"), st.just(0), st.integers(1, 30_000)),
            st.tuples(st.just("initial"), st.just(0), st.integers(0, 70_000)),
            st.tuples(st.sampled_from(["pause", "resume"]), st.just(0), st.just(0)),
        ),
        max_size=25,
    )
)
def test_no_more_is_sent_than_the_windows_allow_and_all_that_they_allow(steps):  # noqa: C901 -- a model, case by case
    client = Connection(Role.CLIENT, Limits(), Recorder())
    client.receive(frame(4, 0, 0))
    streams = [client.request(REQUEST) for _ in range(3)]
    connection_window, initial, windows, owed = 65_535, 65_535, [65_535] * 3, [0] * 3
    for what, which, amount in steps:
        match what:
            case "send":
                client.send_data(streams[which], bytes(amount))
                owed[which] += amount
            case "stream":
                client.receive(frame(8, 0, streams[which].id, amount.to_bytes(4, "big")))
                windows[which] += amount
            case "connection":
                client.receive(frame(8, 0, 0, amount.to_bytes(4, "big")))
                connection_window += amount
            case "initial":
                client.receive(frame(4, 0, 0, b"\0\4" + amount.to_bytes(4, "big")))
                windows = [window + amount - initial for window in windows]
                initial = amount
            case "pause":
                client.pause()
            case _:
                client.resume()
        for name, number, count in (call for call in client.handler.calls if call[0] == "sent"):
            assert name == "sent"
            connection_window -= count
            windows[number // 2] -= count
            owed[number // 2] -= count
            assert windows[number // 2] >= 0
        client.handler.calls.clear()
        assert connection_window >= 0
        assert [stream.queued for stream in streams] == owed
        if not client.paused and connection_window:
            assert all(not left or window <= 0 for left, window in zip(owed, windows, strict=True))
