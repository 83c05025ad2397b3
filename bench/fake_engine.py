"""A fast engine that does nothing but answer with the tensor that it got, for measuring what stands before it."""

import argparse
import asyncio
import struct
from typing import cast

import uvloop

from fourplane_http2 import Connection, ConnectionFailure, Fields, Handler, Limits, Role, Stream, encode, encode_field

HEAD = encode(((b":status", b"200"), (b"content-type", b"application/grpc")))
TRAILERS = encode_field(b"grpc-status", b"0")
DESCRIPTIONS = {
    b"/inference.GRPCInferenceService/ModelMetadata": b"\x0a\x0bengine_echo",
    b"/inference.GRPCInferenceService/ModelConfig": b"\x0a\x0d\x0a\x0bengine_echo",
}
"""What a worker asks before it trusts an engine with a model."""
STREAM_METHOD = b"/inference.GRPCInferenceService/ModelStreamInfer"


class Call:
    """What has come of one request."""

    __slots__ = ("data", "path", "streams")

    def __init__(self, path: bytes) -> None:
        """Begin a unary or a streamed call."""
        self.data: list[bytes] = []
        self.path = path
        self.streams = path == STREAM_METHOD


class Engine(Handler, asyncio.Protocol):
    """One connection; the name of the model in a streamed request says how many responses it gets."""

    def __init__(self, answers: int) -> None:
        """Prepare; each streamed request gets `answers` responses."""
        self.conn = Connection(Role.SERVER, Limits(max_concurrent_streams=10_000, stream_window=1 << 22), self)
        self.answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface."""
        self.transport = cast(asyncio.Transport, transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read and answer."""
        self.conn.receive(data)
        self._flush()

    def _flush(self) -> None:
        out, self.conn.out = self.conn.out, []
        if out:
            self.transport.write(b"".join(out))

    def connection_lost(self, _exc: Exception | None) -> None:
        """End."""
        self.conn.eof()

    def pause_writing(self) -> None:
        """Hold back."""
        self.conn.pause()

    def resume_writing(self) -> None:
        """Go on."""
        self.conn.resume()
        self._flush()

    def on_headers(self, stream: Stream, fields: Fields, _end: bool) -> None:
        """Begin a call."""
        stream.context = Call(dict(fields.pairs)[b":path"])
        if stream.context.streams:
            self.conn.send_headers(stream, HEAD)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        """Answer a call whose message is complete."""
        call = stream.context
        call.data.append(data)
        self.conn.credit(stream, len(data))
        if call.streams:
            self._stream(stream, call, end)
        elif end:
            message = b"".join(call.data)
            tensors = _tensors(message, 5)
            body = DESCRIPTIONS.get(call.path) or _RESPONSE + tensors
            self.conn.send_headers(stream, HEAD)
            self.conn.send_data(stream, b"\0" + struct.pack(">I", len(body)) + body)
            self.conn.send_headers(stream, TRAILERS, True)

    def _stream(self, stream: Stream, call: Call, end: bool) -> None:
        data = b"".join(call.data)
        while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[1:5], "big"):
            size = int.from_bytes(data[1:5], "big")
            inner = b"\x0a\x05inner\x12\x011" + _tensors(data[: 5 + size], 5)
            body = b"\x12" + _varint(len(inner)) + inner
            message = b"\0" + struct.pack(">I", len(body)) + body
            for _ in range(self.answers):
                self.conn.send_data(stream, message)
            data = data[5 + size :]
        call.data = [data] if data else []
        if end:
            self.conn.send_headers(stream, TRAILERS, True)

    def on_end(self, _error: ConnectionFailure | None) -> None:
        """Close."""
        self.transport.close()


_RESPONSE = b"\x0a\x05inner\x12\x011" + b"\x2a\x0c\x0a\x01y\x12\x04FP32\x1a\x01\x10"
"""Model name, version and one output, to be followed by its tensor."""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tensors(message: bytes, pos: int) -> bytes:
    """Return the raw tensor of a request as the raw tensor of a response."""
    while pos < len(message):
        tag, pos = message[pos], pos + 1
        start, shift, size = pos, 0, 0
        while True:
            byte = message[pos]
            size |= (byte & 0x7F) << shift
            shift, pos = shift + 7, pos + 1
            if byte < 0x80:
                break
        if tag == 0x3A:
            return b"\x32" + message[start : pos + size]
        pos += size
    return b""


async def main(port: int, answers: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Engine(answers), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--answers", type=int, default=1)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.port, arguments.answers))
