"""A client that reads only when a test says so."""

import socket
from typing import Self

import h2.config
import h2.connection
import h2.events

_PATIENCE_S = 30
_HEAD_BYTES, _GOAWAY = 9, 7


class SlowReader:
    """One HTTP/2 connection with one ModelInfer call."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._write()
        self.body = b""
        self.trailers: dict[str, str] = {}
        self.reset: int | None = None
        self.goaways = 0
        self._owed = 0
        self._held = b""

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._socket.close()

    def _write(self) -> None:
        self._socket.sendall(self._h2.data_to_send())

    def ask(self, message: bytes) -> None:
        """Send a request."""
        head = [
            (":method", "POST"), (":scheme", "http"), (":authority", "worker"),
            (":path", "/inference.GRPCInferenceService/ModelInfer"), ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]  # fmt: skip
        data = b"\0" + len(message).to_bytes(4, "big") + message
        self._h2.send_headers(1, head)
        while data:
            room = min(self._h2.local_flow_control_window(1), self._h2.max_outbound_frame_size)
            self._h2.send_data(1, data[:room], end_stream=room >= len(data))
            data = data[room:]
            self._write()
            if data and not self._h2.local_flow_control_window(1):
                self._take(credit=False)

    def read_window(self) -> None:
        """Read what the window lets through, and ask for no more."""
        while len(self.body) < 65_535:
            assert self._take(credit=False), "the worker hung up"

    def read_goaway(self) -> None:
        """Read until the worker takes no more calls."""
        while self.goaways < 2:
            assert self._take(credit=False), "the worker hung up"

    def read_all(self) -> None:
        """Read on until the call, or the connection, is over."""
        self._acknowledge()
        while not self.trailers and self.reset is None and self._take(credit=True):
            pass

    def _take(self, *, credit: bool) -> bool:
        data = self._socket.recv(1 << 16)
        for event in self._h2.receive_data(self._without_goaway(data)):
            match event:
                case h2.events.DataReceived():
                    self.body += event.data
                    self._owed += event.flow_controlled_length
                case h2.events.TrailersReceived():
                    self.trailers = dict(event.headers)
                case h2.events.StreamReset():
                    self.reset = event.error_code
        if credit:
            self._acknowledge()
        self._write()
        return bool(data)

    def _without_goaway(self, data: bytes) -> bytes:
        """Keep GOAWAY from the library, which would end calls that may go on."""
        self._held += data
        out = b""
        while len(self._held) >= _HEAD_BYTES:
            size = _HEAD_BYTES + int.from_bytes(self._held[:3], "big")
            if len(self._held) < size:
                break
            frame, self._held = self._held[:size], self._held[size:]
            if frame[3] == _GOAWAY:
                self.goaways += 1
            else:
                out += frame
        return out

    def _acknowledge(self) -> None:
        if self._owed:
            self._h2.acknowledge_received_data(self._owed, 1)
            self._owed = 0
            self._write()
