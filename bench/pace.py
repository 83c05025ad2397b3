"""Send requests at a steady rate, whether answered or not, and write down when each was sent and how long it took.

Run: python bench/pace.py --port 8011 --model echo --rate 200 --seconds 30 --out FILE
"""

import argparse
import asyncio
import gc
import json
import time
from pathlib import Path
from typing import cast

import uvloop
from front import request

from fourplane_http2 import Connection, ConnectionFailure, Fields, Handler, Limits, Role, Stream, encode

HEAD = (
    (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/inference.GRPCInferenceService/ModelInfer"),
    (b":authority", b"bench"), (b"content-type", b"application/grpc"), (b"te", b"trailers"),
)  # fmt: skip


class Client(Handler, asyncio.Protocol):
    """One connection; `took` has (sent at, milliseconds, gRPC status) of each answered request."""

    def __init__(self) -> None:
        """Prepare."""
        self.conn = Connection(Role.CLIENT, Limits(), self)
        self.took: list[tuple[float, float, str]] = []
        self._block = encode(HEAD)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface."""
        self._transport = cast(asyncio.Transport, transport)
        self._flush()

    def send(self, payload: bytes) -> None:
        """Begin a call."""
        stream = self.conn.request(self._block, (time.time(), time.perf_counter()))
        self.conn.send_data(stream, payload, True)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read."""
        self.conn.receive(data)
        self._flush()

    def _flush(self) -> None:
        out, self.conn.out = self.conn.out, []
        if out:
            self._transport.write(b"".join(out))

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        """Take note of a call that ends with its head: it failed."""
        if end:
            self.on_trailers(stream, fields)

    def on_data(self, stream: Stream, data: bytes, _end: bool) -> None:
        """Drop the answer."""
        self.conn.credit(stream, len(data))

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        """End a call."""
        at, begun = stream.context
        status = dict(fields.pairs).get(b"grpc-status", b"?").decode()
        self.took.append((at, (time.perf_counter() - begun) * 1000, status))

    def on_reset(self, stream: Stream, _code: int) -> None:
        """End a call that failed."""
        self.took.append((stream.context[0], (time.perf_counter() - stream.context[1]) * 1000, "reset"))

    def on_end(self, _error: ConnectionFailure | None) -> None:
        """Close."""
        self._transport.close()


async def main(options: argparse.Namespace) -> None:
    """Send for a while; a request that is late is sent at once, and counts from then."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(Client, "127.0.0.1", options.port)
    payload = request(options.model, 64)
    gc.disable()  # the figures are of the other side
    begun = loop.time()
    for number in range(int(options.rate * options.seconds)):
        await asyncio.sleep(max(0.0, begun + number / options.rate - loop.time()))
        client.send(payload)
    await asyncio.sleep(1)
    options.out.write_text(json.dumps(client.took))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--out", type=Path, required=True)
    uvloop.run(main(parser.parse_args()))
