"""A client without any retries that honours GOAWAY, and counts what was lost although it did."""

import select
import socket
import threading
from collections import Counter

from conformance_calls import floats

from fourplane_http2 import Connection, Limits, Role, encode

_AT_ONCE = 4
_PATIENCE_S = 0.05


class FaithfulCaller:
    """Keeps a few calls open on one connection; goes to another one when it is asked to."""

    on_pong = on_sent = lambda *_: None

    def __init__(self, port: int, model: str) -> None:
        """Prepare."""
        self._port = port
        message = floats(model, [1.0]).SerializeToString()
        self._message = b"\0" + len(message).to_bytes(4, "big") + message
        self._head = encode(
            (
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":path", b"/inference.GRPCInferenceService/ModelInfer"),
                (b":authority", b"worker"),
                (b"te", b"trailers"),
                (b"content-type", b"application/grpc"),
            )
        )
        self.ended: Counter[str] = Counter()
        """How calls ended: a gRPC status, or how they were lost."""
        self.connections = 0

    def run(self, stopped: threading.Event) -> None:
        """Call until told to stop."""
        while not stopped.is_set():
            try:
                sock = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            except ConnectionRefusedError:
                stopped.wait(_PATIENCE_S)
                continue
            with sock:
                self._talk(sock, stopped)

    def _talk(self, sock: socket.socket, stopped: threading.Event) -> None:
        self._conn = conn = Connection(Role.CLIENT, Limits(), self)
        self._left = self._ready = False
        self._flush(sock)
        while not conn.ended:
            leaving = self._left or stopped.is_set()
            while self._ready and not leaving and conn.can_open and len(conn.open_streams) < _AT_ONCE:
                conn.send_data(conn.request(self._head, self), self._message, True)
            if leaving and not conn.open_streams:
                return
            self._flush(sock)
            if select.select([sock], [], [], _PATIENCE_S)[0]:
                self._receive(sock)

    def _flush(self, sock: socket.socket) -> None:
        data, self._conn.out = b"".join(self._conn.out), []
        try:
            sock.sendall(data)
        except OSError:
            self._conn.eof()

    def _receive(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if data:
            self._conn.receive(data)
        else:
            self._conn.eof()

    # What the connection tells.

    def on_ready(self) -> None:
        """Begin to call."""
        self.connections += not self._ready
        self._ready = True

    def on_headers(self, stream, fields, end) -> None:
        """Take the head, or a status alone."""
        if end:
            self.on_trailers(stream, fields)

    def on_data(self, stream, data, end) -> None:
        """Read on."""
        self._conn.credit(stream, len(data))

    def on_trailers(self, stream, fields) -> None:
        """Note the status."""
        self.ended[dict(fields.pairs)[b"grpc-status"].decode()] += 1

    def on_reset(self, stream, code) -> None:
        """Note a call that was broken off, be it by the connection's end."""
        self.ended[f"reset with {code}"] += 1

    def on_refused(self, stream) -> None:
        """Note a call that came too late: it had been sent before any GOAWAY was there."""
        self.ended["above the last stream of GOAWAY"] += 1

    def on_too_large(self, stream) -> None:
        """Note an answer that can't be read."""
        self.ended["too large"] += 1

    def on_goaway(self, last, code, debug) -> None:
        """Open no more calls here."""
        self._left = True

    def on_end(self, error) -> None:
        """Note a connection that breaks the protocol."""
        if error is not None:
            self.ended[f"the worker broke the protocol: {error.reason}"] += 1
