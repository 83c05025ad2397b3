"""One gRPC call as a test sees it, from the client's end or the engine's."""

import asyncio
import base64
from urllib.parse import unquote

import h2.events
from front_builders import framed, unframed
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from oip_messages import Request, Response, StreamResponse

RESPONSE_HEAD = [(b":status", b"200"), (b"content-type", b"application/grpc")]


CONNECTION_LOST, CANCELLED_HERE = -1, -2


class Call:
    """One HTTP/2 stream, seen from either end."""

    def __init__(self, peer, stream_id, headers=()):
        self.peer = peer
        self.id = stream_id
        self.headers = list(headers)
        self.body = bytearray()
        self.trailers = {}
        self.ended = False
        self.reset = None
        self.stopped = None
        """The code with which a worker that has answered already stops the rest of a request."""
        self.closed = False
        self.replied = False
        self.unread = 0
        self.seen = 0

    # What came.

    def header(self, name):
        return dict(reversed(self.headers)).get(name.encode())

    @property
    def messages(self):
        return unframed(self.body)

    @property
    def requests(self):
        return [Request.FromString(message) for message in self.messages]

    @property
    def responses(self):
        return [Response.FromString(message) for message in self.messages]

    @property
    def answers(self):
        return [StreamResponse.FromString(message) for message in self.messages]

    @property
    def status(self):
        return int(self.trailers.get(b"grpc-status", b"-1"))

    @property
    def message(self):
        return unquote(self.trailers.get(b"grpc-message", b"").decode())

    @property
    def outcome(self):
        return self.trailers.get(b"x-fourplane-outcome", b"").decode()

    def told(self, name):
        return self.trailers.get(f"x-fourplane-{name}".encode(), b"").decode()

    @property
    def details(self):
        raw = self.trailers[b"grpc-status-details-bin"]
        found = status_pb2.Status.FromString(base64.b64decode(raw + b"=" * (-len(raw) % 4)))
        assert found.code == self.status
        return found

    def detail(self, kind):
        for any_ in self.details.details:
            message = kind()
            if any_.Unpack(message):
                return message
        return None

    @property
    def reason(self):
        return self.detail(ErrorInfo).reason

    @property
    def retry_info(self):
        return self.detail(RetryInfo)

    async def until(self, ready):
        await self.peer.until(ready)
        return self

    @property
    def over(self):
        """Whether nothing more can be sent."""
        return self.closed or self.reset is not None or (self.ended and self.peer.client)

    async def gone(self):
        """Wait, as an engine, for the worker to give the call up."""
        return await self.until(lambda: self.reset is not None)

    async def done(self):
        return await self.until(lambda: self.ended or self.reset is not None)

    def take_event(self, event):
        match event:
            case h2.events.ResponseReceived():
                self.headers = event.headers
                self.trailers = dict(event.headers) if event.stream_ended else {}
            case h2.events.TrailersReceived():
                self.trailers = dict(event.headers)
            case h2.events.DataReceived():
                self.body += event.data
                self.unread += event.flow_controlled_length
                self.take(self.unread if self.peer.credit else 0)
            case h2.events.StreamEnded():
                self.ended = True
            case h2.events.StreamReset() if not (self.ended and self.peer.client):
                self.reset = int(event.error_code)
            case h2.events.StreamReset():
                self.stopped = int(event.error_code)

    # What goes out.

    def send(self, data, end=False):
        """Send at once, unless the other side has ended the call; the window must have room."""
        if self.over:
            return self
        size = self.peer.h2.max_outbound_frame_size
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for piece in pieces[:-1]:
            self.peer.h2.send_data(self.id, piece)
        self.closed = end
        self.peer.h2.send_data(self.id, pieces[-1], end_stream=end)
        self.peer.write()
        return self

    async def send_all(self, data, end=False):
        """Send as the windows allow."""
        view = memoryview(data)
        while view:
            await self.until(lambda: self.over or self.peer.h2.local_flow_control_window(self.id) > 0)
            if self.over:
                return self
            room = min(self.peer.h2.local_flow_control_window(self.id), self.peer.h2.max_outbound_frame_size)
            self.peer.h2.send_data(self.id, bytes(view[:room]))
            view = view[room:]
            self.peer.write()
            await asyncio.sleep(0)
        return self.send(b"", end=True) if end else self

    def end(self):
        return self.send(b"", end=True)

    def cancel(self, code=8):
        self.reset = CANCELLED_HERE
        self.peer.h2.reset_stream(self.id, code)
        self.peer.write()

    def take(self, count=None):
        """Let the other side send as many more bytes, by default all that were held back."""
        count = self.unread if count is None else count
        self.unread -= count
        if count:
            self.peer.h2.acknowledge_received_data(count, self.id)
            self.peer.write()

    # As an engine.

    def begin(self, *extra):
        if not self.replied:
            self.replied = True
            self.peer.h2.send_headers(self.id, [*RESPONSE_HEAD, *extra])
            self.peer.write()
        return self

    def reply(self, *messages):
        self.begin()
        for message in messages:
            self.send(framed(message))
        return self

    def finish(self, status=0, message="", extra=()):
        fields = [(b"grpc-status", b"%d" % status), *([(b"grpc-message", message.encode())] if message else []), *extra]
        self.closed = True
        self.peer.h2.send_headers(self.id, fields if self.replied else [*RESPONSE_HEAD, *fields], end_stream=True)
        self.peer.write()
        return self
