"""The two ends that a front stands between, with an HTTP/2 implementation that is not ours: clients and engines."""

import asyncio
import contextlib
import struct

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from front_builders import INFER, framed
from front_calls import CONNECTION_LOST, Call
from h2.settings import SettingCodes, Settings
from oip_messages import Request, StreamResponse, a_response


class Peer(asyncio.Protocol):
    """One connection, and the calls on it."""

    def __init__(self, *, client, credit=True, settings=None, on_call=None):
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=client,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.client = client
        self.credit = credit
        self.settings = settings or {}
        self.on_call = on_call or (lambda _call, _event: None)
        self.calls = {}
        self.goaway = None
        self.lost = False
        self.broken = []
        """What this end found to be against the protocol."""
        self._changed = asyncio.Event()
        self._held = b""

    def connection_made(self, transport):
        self.transport = transport
        known = {SettingCodes.MAX_CONCURRENT_STREAMS: 2**31 - 1} | self.settings
        self.h2.local_settings = Settings(client=self.client, initial_values=known)
        if SettingCodes.MAX_CONCURRENT_STREAMS not in self.settings:
            self.h2.local_settings.pop(SettingCodes.MAX_CONCURRENT_STREAMS)
        self.h2.initiate_connection()
        self.write()

    def write(self):
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())

    def raw(self, kind, flags, stream_id, payload):
        """Write a frame past the library, which would refuse to."""
        self.write()
        head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id)
        self.transport.write(head + payload)

    def data_received(self, data):
        try:
            events = self.h2.receive_data(self._without_goaway(data) if self.client else data)
        except h2.exceptions.ProtocolError as error:
            self.broken.append(repr(error))
            self.write()
            self.transport.close()
            events = []
        for event in events:
            self._take(event)
        self.write()
        self._changed.set()

    def connection_lost(self, exc):
        self.lost = True
        for call in self.calls.values():
            if call.reset is None and not (call.ended and self.client):
                call.reset = CONNECTION_LOST
        self._changed.set()

    def _without_goaway(self, data):
        """Keep GOAWAY from the library, which would end calls that may go on."""
        self._held += data
        out, pos = b"", 0
        while len(self._held) - pos >= 9:
            stop = pos + 9 + int.from_bytes(self._held[pos : pos + 3], "big")
            if stop > len(self._held):
                break
            if self._held[pos + 3] == 7:
                self.goaway = struct.unpack_from(">II", self._held, pos + 9)
            else:
                out += self._held[pos:stop]
            pos = stop
        self._held = self._held[pos:]
        return out

    def _take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.calls[event.stream_id] = Call(self, event.stream_id, event.headers)
        call = self.calls.get(getattr(event, "stream_id", None))
        if call is None:
            return
        call.take_event(event)
        self.on_call(call, event)

    async def until(self, ready):
        async with asyncio.timeout(5):
            while not ready():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.05)

    def call(self, *messages, method=INFER, end=True, head=None, extra=(), end_with_head=False, **metadata):
        """Start a call; messages that are bytes are sent as they are."""
        stream_id = self.h2.get_next_available_stream_id()
        fields = head or [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", method),
            (b":authority", b"worker"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            *((name.replace("_", "-").encode(), value) for name, value in metadata.items()),
            *extra,
        ]
        call = self.calls[stream_id] = Call(self, stream_id)
        self.h2.send_headers(stream_id, fields, end_stream=end_with_head)
        call.closed = end_with_head
        for message in messages:
            call.send(message if isinstance(message, bytes) else framed(message))
        if end:
            call.end()
        self.write()
        return call

    def close(self):
        self.transport.close()


def echo(call, event):
    """Answer each whole request of a call with its tensor, under the engine's own name; end after the client."""
    for message in call.messages[call.seen :]:
        call.seen += 1
        request = Request.FromString(message)
        answer = a_response(request.model_name, request_id=request.id, tensor=b"".join(request.raw_input_contents))
        streams = call.header(":path").endswith(b"ModelStreamInfer")
        call.reply(StreamResponse(infer_response=answer) if streams else answer)
    if isinstance(event, h2.events.StreamEnded):
        call.begin().finish()


class Engine:
    """A server that does what a test says; without orders it echoes."""

    def __init__(self, on_call=echo, **options):
        self.on_call = on_call
        self.options = options
        self.peers = []
        self.port = 0
        self._server = None
        self._changed = asyncio.Event()

    async def start(self, port=0):
        self._server = await asyncio.get_running_loop().create_server(self._peer, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _peer(self):
        peer = Peer(client=False, on_call=self._heard, **self.options)
        self.peers.append(peer)
        return peer

    def _heard(self, call, event):
        self.on_call(call, event)
        self._changed.set()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def calls(self):
        return [call for peer in self.peers for call in peer.calls.values()]

    async def nth(self, count=1):
        """Return the call of this number, counted from 1, once it has come."""
        async with asyncio.timeout(5):
            while len(self.calls) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.calls[count - 1]

    def hang_up(self):
        for peer in self.peers:
            peer.transport.abort()

    async def stop(self):
        self._server.close()
        for peer in self.peers:
            if not peer.lost:
                peer.close()
        await asyncio.sleep(0)


SMALL_WINDOW = {SettingCodes.INITIAL_WINDOW_SIZE: 65_535}
