"""The two roles against each other."""

from http2_recording import REQUEST, RESPONSE, TRAILERS, a_pair, exchange

from fourplane_http2 import Limits


def test_a_unary_exchange_goes_through_both_roles() -> None:
    server, client = a_pair()
    stream = client.request(REQUEST)
    client.send_data(stream, b"question", end=True)
    exchange(server, client)
    mine = server.handler.streams[1]
    server.send_headers(mine, RESPONSE)
    server.send_data(mine, b"answer")
    server.send_headers(mine, TRAILERS, end=True)
    exchange(server, client)
    assert server.handler.names() == ["ready", "headers", "data", "sent"]
    assert client.handler.names() == ["ready", "sent", "headers", "data", "trailers"]
    assert client.handler.data(1) == b"answer"
    assert server.handler.data(1) == b"question"
    assert not server.open_streams and not client.open_streams


def test_a_large_message_passes_under_small_windows_when_credit_is_given() -> None:
    server, client = a_pair(server=Limits(stream_window=1000))
    stream = client.request(REQUEST)
    payload = bytes(range(256)) * 1000
    client.send_data(stream, payload, end=True)
    given = 0
    while not stream.local_closed:
        exchange(server, client)
        got = len(server.handler.data(1))
        server.credit(server.handler.streams[1], got - given)
        given = got
    exchange(server, client)
    assert server.handler.data(1) == payload
