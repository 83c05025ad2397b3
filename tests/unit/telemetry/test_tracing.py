"""Spans: only for what is sampled, under the caller's, with what came of the request."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fourplane_core.control.snapshot import Telemetry
from fourplane_core.outcomes import Outcome
from fourplane_http2 import Fields, HpackDecoder
from fourplane_worker.front.head import Head, head_of
from fourplane_worker.telemetry.cells import Series
from fourplane_worker.telemetry.tracing import Tracing

TRACE, PARENT = b"8f13d9c2f90e4be5a7e37e52ca3d314b", b"8d2ee7cc1bc14cb0"


class Collector:
    """An OTLP/HTTP collector that remembers what it was sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = ExportTraceServiceRequest.FromString(body)
                collector.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def a_head(traceparent: bytes | None = None) -> Head:
    pairs = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/inference.GRPCInferenceService/ModelInfer"),
        (b"content-type", b"application/grpc"),
    ]
    if traceparent is not None:
        pairs.append((b"traceparent", traceparent))
    return head_of(Fields(tuple(pairs)))


def traceparent(*, sampled: bool) -> bytes:
    return b"00-%s-%s-%02d" % (TRACE, PARENT, sampled)


def a_tracing(collector: Collector, per_million: int = 0) -> Tracing:
    tracing = Tracing()
    tracing.configure(Telemetry(otlp_endpoint=collector.url, sample_per_million=per_million))
    return tracing


def test_nothing_is_traced_without_a_collector() -> None:
    assert not Tracing().wants(a_head(traceparent(sampled=True)))


def test_the_caller_decides_where_it_sends_a_traceparent(collector: Collector) -> None:
    tracing = a_tracing(collector, per_million=1_000_000)
    assert tracing.wants(a_head(traceparent(sampled=True)))
    assert not tracing.wants(a_head(traceparent(sampled=False)))
    tracing.shutdown()


def test_a_share_of_the_others_is_traced(collector: Collector) -> None:
    everything, nothing = a_tracing(collector, per_million=1_000_000), a_tracing(collector)
    assert everything.wants(a_head())
    assert not nothing.wants(a_head())
    everything.shutdown()
    nothing.shutdown()


def test_a_span_says_whose_child_it_is_and_what_came_of_the_request(collector: Collector) -> None:
    tracing = a_tracing(collector)
    span = tracing.begin(a_head(traceparent(sampled=True)))
    tracing.end(span, Outcome.ENGINE_LOST, Series("default/digits", "triton", "digits_v1"), "sha256:00")
    tracing.shutdown()
    (got,) = collector.spans
    attributes = {pair.key: pair.value.string_value for pair in got.attributes}
    assert got.trace_id.hex().encode() == TRACE
    assert got.parent_span_id.hex().encode() == PARENT
    assert got.name == "inference.GRPCInferenceService/ModelInfer"
    assert attributes["fourplane.outcome"] == "ENGINE_LOST"
    assert attributes["fourplane.route"] == "default/digits"
    assert attributes["fourplane.snapshot.digest"] == "sha256:00"
    assert got.status.code == got.status.STATUS_CODE_ERROR


def test_whoever_is_called_next_becomes_the_spans_child(collector: Collector) -> None:
    tracing = a_tracing(collector)
    span = tracing.begin(a_head(traceparent(sampled=True)))
    fields, _, _ = HpackDecoder().decode(tracing.field(span))
    tracing.end(span, Outcome.OK, Series("", "", ""), "")
    tracing.shutdown()
    (got,) = collector.spans
    assert fields == [(b"traceparent", b"00-%s-%s-01" % (TRACE, got.span_id.hex().encode()))]


@pytest.mark.parametrize("value", [b"", b"00-1-2-01", b"00-%s-%s-01" % (b"0" * 32, PARENT), b"ff-%s" % TRACE])
def test_a_malformed_traceparent_starts_no_trace_and_is_no_error(value: bytes) -> None:
    head = a_head(value)
    assert head.traceparent is None
    assert head.refusal is None
