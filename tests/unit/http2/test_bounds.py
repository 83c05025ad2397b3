"""Bounds that move while a client is connected."""

from http2_recording import REQUEST, a_pair, a_server, exchange, failure, frame, parse, resets, take

from fourplane_http2 import Limits, encode

HEADERS, SETTINGS = 1, 4
REFUSED_STREAM = 7
HEAVY = REQUEST + encode([(b"x-heavy", b"y" * 3000)])


def test_a_client_hears_of_new_bounds_and_keeps_them():
    server, client = a_pair(Limits(max_concurrent_streams=1))
    assert client.peer_streams == 1
    client.request(REQUEST)
    assert not client.can_open
    server.bound(2, 4096)
    exchange(server, client)
    assert client.can_open
    assert client.handler.names().count("ready") == 2
    client.request(REQUEST)
    exchange(server, client)
    assert server.handler.names().count("headers") == 2


def test_streams_that_are_open_go_on_under_a_lower_bound_and_new_ones_are_refused():
    server = a_server()
    server.receive(frame(HEADERS, 4, 1, REQUEST) + frame(HEADERS, 4, 3, REQUEST))
    server.bound(1, 65_536)
    take(server)
    server.receive(frame(HEADERS, 4, 5, REQUEST) + frame(0, 1, 1, b"x") + frame(0, 1, 3, b"y"))
    assert resets(server) == [(5, REFUSED_STREAM)]
    assert (server.handler.data(1), server.handler.data(3)) == (b"x", b"y")


def test_a_block_that_is_remembered_is_measured_again_under_a_lower_bound():
    server = a_server()
    for stream_id in (1, 3, 5):
        server.receive(frame(HEADERS, 5, stream_id, HEAVY))
    server.bound(1000, 2000)
    server.receive(frame(HEADERS, 5, 7, HEAVY))
    assert server.handler.names() == ["headers"] * 3 + ["too_large"]
    assert failure(server) is None


def test_the_same_bounds_are_not_announced_again():
    server = a_server(Limits(max_concurrent_streams=5, max_header_list_bytes=2000))
    server.bound(5, 2000)
    assert take(server) == b""


def test_acknowledgements_of_new_bounds_cost_a_client_nothing():
    server = a_server()
    for count in range(1, 200):
        server.bound(count, 4096)
        server.receive(frame(SETTINGS, 1, 0))
    assert failure(server) is None
    announced = [payload for kind, flags, _, payload in parse(take(server)) if (kind, flags) == (SETTINGS, 0)]
    assert len(announced) == 199
