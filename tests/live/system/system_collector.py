"""An OTLP/HTTP collector that remembers what it was sent, and one that never answers."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Takes spans."""

    def __init__(self, *, hangs: bool = False) -> None:
        """Listen on a free port."""
        self.spans: list[Span] = []
        self.bodies: list[bytes] = []
        self.asked = threading.Event()
        """Set once somebody waits for an answer."""
        self.let_go = threading.Event()
        self.held: list[socket.socket] = []
        """Connections of those who wait for an answer."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if hangs:
                    collector.held.append(self.connection)
                    collector.asked.set()
                    collector.let_go.wait()
                    return
                collector.take(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["Collector"]:
        """Serve."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self.let_go.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def holds(self) -> bool:
        """Tell whether somebody still waits for the answer to what was sent first."""
        return not select.select(self.held[:1], [], [], 0)[0]

    def take(self, body: bytes) -> None:
        """Remember spans."""
        self.bodies.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        self.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def attributes(span: Span) -> dict[str, Any]:
    """Return a span's attributes."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
