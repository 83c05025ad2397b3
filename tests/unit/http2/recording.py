"""A handler that writes down its calls, and connections put together for tests."""

from fourplane_http2 import Connection, ConnectionFailure, Fields, Limits, Role, Stream, encode

REQUEST = encode(
    [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/inference.GRPCInferenceService/ModelInfer"),
        (b":authority", b"localhost"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ]
)
RESPONSE = encode([(b":status", b"200"), (b"content-type", b"application/grpc")])
TRAILERS = encode([(b"grpc-status", b"0")])


class Recorder:
    """Note every call as a tuple; the streams stay at hand by their number."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.streams: dict[int, Stream] = {}

    def names(self) -> list[object]:
        return [call[0] for call in self.calls]

    def data(self, stream_id: int) -> bytes:
        return b"".join(call[2] for call in self.calls if call[:2] == ("data", stream_id))  # type: ignore[misc]

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        self.streams[stream.id] = stream
        self.calls.append(("headers", stream.id, fields.pairs, end))

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        self.calls.append(("trailers", stream.id, fields.pairs))

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        self.calls.append(("data", stream.id, data, end))

    def on_reset(self, stream: Stream, code: int) -> None:
        self.calls.append(("reset", stream.id, int(code)))

    def on_refused(self, stream: Stream) -> None:
        self.calls.append(("refused", stream.id))

    def on_too_large(self, stream: Stream) -> None:
        self.streams[stream.id] = stream
        self.calls.append(("too_large", stream.id))

    def on_sent(self, stream: Stream, count: int) -> None:
        self.calls.append(("sent", stream.id, count))

    def on_pong(self, payload: bytes) -> None:
        self.calls.append(("pong", payload))

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:
        self.calls.append(("goaway", last, code, debug))

    def on_ready(self) -> None:
        self.calls.append(("ready",))

    def on_end(self, error: ConnectionFailure | None) -> None:
        self.calls.append(("end", error))


def take(connection: Connection) -> bytes:
    """Take what the connection wants written."""
    data = b"".join(connection.out)
    connection.out = []
    return data


def a_pair(server: Limits | None = None, client: Limits | None = None) -> tuple[Connection, Connection]:
    """Return a server and a client that have exchanged their settings; `handler` is a Recorder each."""
    server_side = Connection(Role.SERVER, server or Limits(), Recorder())
    client_side = Connection(Role.CLIENT, client or Limits(), Recorder())
    exchange(server_side, client_side)
    return server_side, client_side


def exchange(server: Connection, client: Connection) -> None:
    """Carry bytes both ways until nobody has any."""
    while server.out or client.out:
        server.receive(take(client))
        client.receive(take(server))
