"""Spans, only for what is sampled: an unsampled request costs a look at one flag."""

import random
import threading
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from fourplane_core.control.snapshot import Telemetry
from fourplane_core.outcomes import ENDINGS, Outcome
from fourplane_http2 import encode_field
from fourplane_worker.telemetry.cells import Series

if TYPE_CHECKING:
    from fourplane_worker.front.head import Head

_MILLION = 1_000_000


class Tracing:
    """The spans of one process."""

    def __init__(self, service: str = "fourplane-worker") -> None:
        """Start without an exporter: nothing is sampled."""
        self._service = service
        self._telemetry = Telemetry()
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None

    def configure(self, telemetry: Telemetry) -> None:
        """Follow the snapshot's telemetry rules."""
        if telemetry.otlp_endpoint != self._telemetry.otlp_endpoint:
            self.shutdown(within_s=0)
            if telemetry.otlp_endpoint:
                exporter = OTLPSpanExporter(endpoint=telemetry.otlp_endpoint.rstrip("/") + "/v1/traces", timeout=5)
                self._provider = TracerProvider(
                    sampler=ALWAYS_ON, resource=Resource.create({"service.name": self._service}), shutdown_on_exit=False
                )
                self._provider.add_span_processor(BatchSpanProcessor(exporter))
                self._tracer = self._provider.get_tracer("fourplane.worker")
        self._telemetry = telemetry

    @property
    def active(self) -> bool:
        """Whether there is a collector at all."""
        return self._tracer is not None

    def shutdown(self, within_s: float = 5.0) -> None:
        """Export what is waiting, and stop; a collector that does not answer holds nobody up for longer than that."""
        provider, self._provider, self._tracer = self._provider, None, None
        if provider is not None:
            # Python has no other way to leave something that blocks, and the exporter waits for up to 30 s.
            ending = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
            ending.start()
            ending.join(within_s)

    def wants(self, head: "Head") -> bool:
        """Tell whether a request is traced: its caller decides, or else a draw."""
        if self._tracer is None:
            return False
        if head.traceparent is not None:
            return head.traceparent[2]
        share = self._telemetry.sample_per_million
        return share > 0 and random.randrange(_MILLION) < share  # noqa: S311 - a sample, not a secret

    def begin(self, head: "Head") -> trace.Span:
        """Start a span under the caller's."""
        assert self._tracer is not None
        context = None
        if head.traceparent is not None:
            trace_id, span_id, _ = head.traceparent
            parent = trace.SpanContext(
                int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(1)
            )
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        service, _, method = head.path.decode("ascii", "replace").strip("/").partition("/")
        return self._tracer.start_span(
            f"{service}/{method}",
            context=context,
            kind=trace.SpanKind.SERVER,
            attributes={
                "rpc.system": "grpc",
                "rpc.service": service,
                "rpc.method": method,
                "fourplane.plane": "execution",
            },
        )

    def field(self, span: trace.Span) -> bytes:
        """Return the encoded traceparent that names this span as the parent."""
        context = span.get_span_context()
        return encode_field(b"traceparent", b"00-%032x-%016x-01" % (context.trace_id, context.span_id))

    def end(self, span: trace.Span, outcome: Outcome, series: Series, digest: str) -> None:
        """End a span with what came of the request."""
        span.set_attributes(
            {
                "rpc.grpc.status_code": ENDINGS[outcome].code,
                "fourplane.outcome": outcome.value,
                "fourplane.route": series.route,
                "fourplane.pool": series.pool,
                "fourplane.backend": series.backend,
                "fourplane.snapshot.digest": digest,
            }
        )
        if outcome not in (Outcome.OK, Outcome.CANCELLED):
            span.set_status(trace.StatusCode.ERROR, outcome.value)
        span.end()
