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


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Build a frame by hand."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def parse(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """Take frames apart: type, flags, stream, payload."""
    frames = []
    while data:
        length = int.from_bytes(data[:3], "big")
        frames.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]))
        data = data[9 + length :]
    return frames


def a_server(limits: Limits | None = None, settled: bool = True) -> Connection:
    """Return a server whose client has sent its preface and settings."""
    server = Connection(Role.SERVER, limits or Limits(), Recorder())
    acknowledgement = frame(4, 1, 0) if settled else b""
    server.receive(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + acknowledgement)
    take(server)
    server.handler.calls.clear()
    return server


def a_client(limits: Limits | None = None) -> Connection:
    """Return a client whose server has sent its settings."""
    client = Connection(Role.CLIENT, limits or Limits(), Recorder())
    client.receive(frame(4, 0, 0) + frame(4, 1, 0))
    take(client)
    client.handler.calls.clear()
    return client


def failure(connection: Connection) -> int | None:
    """Return the code with which the connection ended, after checking that GOAWAY says the same."""
    ends = [call[1] for call in connection.handler.calls if call[0] == "end"]
    if not ends:
        assert not connection.ended
        return None
    assert connection.ended and len(ends) == 1
    assert connection.handler.calls[-1][0] == "end"
    goaways = [payload for kind, _, _, payload in parse(take(connection)) if kind == 7]
    assert int.from_bytes(goaways[-1][4:8], "big") == ends[0].code
    return int(ends[0].code)


def resets(connection: Connection) -> list[tuple[int, int]]:
    """Return stream and code of every RST_STREAM in `out`."""
    return [
        (number, int.from_bytes(payload, "big")) for kind, _, number, payload in parse(take(connection)) if kind == 3
    ]
