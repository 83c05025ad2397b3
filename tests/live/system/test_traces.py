"""Spans: for what is sampled, between the caller's and the engine's, and in nobody's way."""

from types import SimpleNamespace

import grpc
import pytest
from conformance_calls import Peer, floats
from system_collector import Collector, attributes
from system_engine import BROKEN
from system_load import Talk
from system_runtime import a_route, a_runtime
from system_worker import eventually

TRACE, PARENT = "8f13d9c2f90e4be5a7e37e52ca3d314b", "8d2ee7cc1bc14cb0"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


@pytest.fixture
def collector():
    with Collector().running() as opened:
        yield opened


@pytest.fixture
def trace(state, engine, start):
    """Publish where spans go, and of which share of the requests; returns the worker."""
    started = []

    def trace(collector, share=0):
        tracing = {"endpoint": collector.url, "samplePerMillion": share} if collector else None
        activation = state.publish(
            a_runtime({"main": ([engine.address], ["left", BROKEN])}, tracing=tracing),
            a_route("steady", ("main", "left")),
            a_route("broken", ("main", BROKEN)),
        )
        if not started:
            started.append(start())
        started[0].serves(activation)
        return started[0]

    return trace


def ask(worker, *traceparents, model="steady"):
    with Peer(worker.address) as peer:
        for value in traceparents:
            peer.infer(floats(model, [1.0]), metadata=[("traceparent", value)] if value else None)


def seen_by(engine):
    """Return trace id, span id and flags of each call that the engine got, or None."""
    return [tuple(said["traceparent"].split("-")[1:]) if "traceparent" in said else None for said in engine.metadata]


def test_a_sampled_request_has_a_span_between_the_callers_and_the_engines(trace, collector, engine, state):
    worker = trace(collector)
    ask(worker, SAMPLED)
    worker.stop()
    (span,) = collector.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert seen_by(engine) == [(TRACE, span.span_id.hex(), "01")]
    assert span.name == "inference.GRPCInferenceService/ModelInfer"
    assert span.kind == span.SPAN_KIND_SERVER and span.status.code == span.status.STATUS_CODE_UNSET
    assert span.end_time_unix_nano > span.start_time_unix_nano > 0
    assert attributes(span) == {
        "rpc.system": "grpc",
        "rpc.service": "inference.GRPCInferenceService",
        "rpc.method": "ModelInfer",
        "rpc.grpc.status_code": 0,
        "fourplane.plane": "execution",
        "fourplane.outcome": "OK",
        "fourplane.route": "default/steady",
        "fourplane.pool": "main",
        "fourplane.backend": "left",
        "fourplane.snapshot.digest": state.digest(),
    }


def test_an_unsampled_request_has_none_and_keeps_its_callers_parent(trace, collector, engine):
    worker = trace(collector, 1_000_000)
    ask(worker, UNSAMPLED, UNSAMPLED)
    worker.stop()
    assert collector.spans == []
    assert seen_by(engine) == [(TRACE, PARENT, "00")] * 2


def test_requests_without_a_decision_are_sampled_by_the_share(trace, collector, engine):
    worker = trace(collector, 1_000_000)
    ask(worker, None, None)
    trace(collector, 0)
    ask(worker, None, None)
    worker.stop()
    assert len(collector.spans) == 2 and not any(span.parent_span_id for span in collector.spans)
    spans = [(span.trace_id.hex(), span.span_id.hex(), "01") for span in collector.spans]
    assert seen_by(engine) == [*spans, None, None]


def test_a_malformed_traceparent_begins_a_trace_of_its_own(trace, collector):
    worker = trace(collector, 1_000_000)
    ask(worker, f"00-{TRACE}-{'0' * 16}-01", f"00-{'0' * 32}-{PARENT}-01", "nonsense")
    worker.stop()
    assert len(collector.spans) == 3
    assert not any(span.parent_span_id or span.trace_id.hex() == TRACE for span in collector.spans)


def test_spans_tell_failures_and_streams(trace, collector):
    worker = trace(collector)
    ask(worker, SAMPLED, model="broken")
    ask(worker, SAMPLED, model="nowhere")
    with Peer(worker.address) as peer:
        answer = peer.stream([floats("steady", [1.0])] * 2, metadata=[("traceparent", SAMPLED)])
        assert len(answer.responses) == 2
        call = peer.stub.ModelInfer.future(floats("steady", [1.0]), metadata=[("traceparent", SAMPLED)])
        assert call.code() is grpc.StatusCode.OK
    worker.stop()
    told = [(attributes(span)["fourplane.outcome"], span.status.code == 2, span.name) for span in collector.spans]
    infer, stream = (f"inference.GRPCInferenceService/Model{kind}Infer" for kind in ("", "Stream"))
    assert told == [
        ("ENGINE_ERROR", True, infer),
        ("MODEL_NOT_FOUND", True, infer),
        ("OK", False, stream),
        ("OK", False, infer),
    ]


def test_spans_follow_a_collector_that_moves(trace, collector):
    with Collector().running() as later:
        worker = trace(collector)
        ask(worker, SAMPLED)
        trace(later)
        eventually(lambda: collector.spans, "what was waiting is exported")
        ask(worker, SAMPLED, SAMPLED)
        trace(None)
        eventually(lambda: later.spans, "what was waiting is exported")
        ask(worker, SAMPLED)
        worker.stop()
        assert (len(collector.spans), len(later.spans)) == (1, 2)


def test_a_collector_that_hangs_holds_up_neither_swaps_nor_calls_nor_the_end(trace, collector):
    with Collector(hangs=True).running() as hanging:
        worker = trace(hanging)
        ask(worker, SAMPLED)
        with Peer(worker.address) as peer, Talk(peer) as talk:
            talk.ask("steady", 1)
            trace(collector)
            assert hanging.asked.wait(10)
            assert hanging.holds(), "the swap waited for the exporter to give up"
            ask(worker, SAMPLED)
            talk.ask("steady", 2)
            talk.end()
        trace(hanging)
        ask(worker, SAMPLED)
        assert worker.end() == 0
        assert not worker.logged("killing")
    assert len(collector.spans) == 1


def test_a_collector_that_is_gone_costs_no_call(trace):
    worker = trace(SimpleNamespace(url="http://127.0.0.1:9"))
    with Peer(worker.address) as peer:
        answers = [peer.infer(floats("steady", [1.0]), metadata=[("traceparent", SAMPLED)]) for _ in range(50)]
    assert {answer.code for answer in answers} == {"OK"}
    assert worker.end() == 0
