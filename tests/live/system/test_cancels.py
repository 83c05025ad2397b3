"""Calls that are given up by the hundred: nothing is left of them, neither in the worker nor in Triton."""

import numpy
import pytest
import tritonclient.grpc as client
from conformance_calls import Peer, floats, word
from system_engine import ENDLESS, HELD
from system_runtime import a_route, a_runtime
from system_worker import eventually

STREAMS = 500

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def worker(state, engine, triton, start):
    state.publish(
        a_runtime(
            {
                "real": ([triton], ["echo", "slow", {"name": "watched_stream", "decoupled": True}]),
                "main": ([engine.address], ["left", HELD, {"name": ENDLESS, "decoupled": True}]),
            }
        ),
        a_route("mirror", ("real", "echo")),
        a_route("patience", ("real", "slow")),
        a_route("lighthouse", ("real", "watched_stream")),
        a_route("steady", ("main", "left")),
        a_route("held", ("main", HELD)),
        a_route("endless", ("main", ENDLESS)),
    )
    worker = start("--workers", "2")
    worker.serves()
    return worker


def is_alive(triton, worker):
    """Require that Triton answers, directly and through the worker."""
    data = numpy.ones(4, numpy.float32)
    tensor = client.InferInput("in_fp32", [4], "FP32")
    tensor.set_data_from_numpy(data)
    for address, model in ((triton, "echo"), (worker.address, "mirror")):
        with client.InferenceServerClient(address) as opened:
            assert opened.is_server_live()
            wanted = [client.InferRequestedOutput("out_fp32")]
            answer = opened.infer(model, [tensor], outputs=wanted, client_timeout=20)
            assert (answer.as_numpy("out_fp32") == data).all()


def counted(worker, outcome):
    return worker.metrics().outcomes().get(outcome, 0)


def test_streams_that_are_given_up_in_the_middle_of_answers_leave_nothing(worker, engine):
    # A scripted engine: Triton 2.51 itself crashes in about one of four such storms.
    with Peer(worker.address) as peer:
        for _ in range(STREAMS // 25):
            calls = [peer.stub.ModelStreamInfer(iter([floats("endless", [1.0])])) for _ in range(25)]
            for call in calls:
                assert not next(call).error_message
            assert worker.metrics().value("fourplane_open_engine_calls") >= len(calls)
            for call in calls:
                call.cancel()
    worker.is_idle()
    assert worker.metrics().outcomes() == {"CANCELLED": STREAMS}
    eventually(lambda: len(engine.given_up) == STREAMS, "the engine has heard of all")


def test_streams_that_are_given_up_at_once_leave_nothing(worker, triton):
    with Peer(worker.address) as peer:
        for _ in range(STREAMS):
            peer.stub.ModelStreamInfer(iter([word("lighthouse", "count")])).cancel()
        assert peer.infer(floats("mirror", [1.0])).code == "OK"
    worker.is_idle()
    assert counted(worker, "OK") >= 1
    is_alive(triton, worker)


def test_cancellations_reach_the_models(worker, triton):
    def counts():
        with Peer(worker.address) as peer:
            (answer,) = peer.stream([word("lighthouse", "count")]).responses[:1]
        assert not answer.error_message, answer.error_message
        return [int.from_bytes(raw, "little") for raw in answer.infer_response.raw_output_contents]

    begun, cancelled = counts()
    with Peer(worker.address) as peer:
        calls = [peer.stub.ModelStreamInfer(iter([word("lighthouse", "wait")])) for _ in range(50)]
        for call in calls:
            next(call)
        for call in calls:
            call.cancel()
    assert eventually(counts, "every model has heard", lambda now: now[1] == cancelled + 50) == [
        begun + 50,
        cancelled + 50,
    ]
    worker.is_idle()


def test_unary_calls_that_are_given_up_or_run_out_of_time_leave_nothing(worker, triton):
    with Peer(worker.address) as peer:
        calls = [peer.stub.ModelInfer.future(floats("patience", [0.5], "seconds")) for _ in range(50)]
        late = [peer.stub.ModelInfer.future(floats("patience", [0.5], "seconds"), timeout=0.2) for _ in range(50)]
        eventually(lambda: worker.metrics().value("fourplane_open_calls") >= 50, "they are there")
        for call in calls:
            call.cancel()
        assert {call.code().name for call in late} == {"DEADLINE_EXCEEDED"}
    worker.is_idle()
    assert set(worker.metrics().outcomes()) <= {"CANCELLED", "DEADLINE_EXCEEDED"}
    is_alive(triton, worker)


def test_clients_that_vanish_with_open_calls_leave_nothing(worker, engine):
    for _ in range(20):
        with Peer(worker.address, ("grpc.use_local_subchannel_pool", 1)) as peer:
            calls = [peer.stub.ModelInfer.future(floats("held", [1.0])) for _ in range(10)]
            engine.holding.acquire()
            assert not any(call.done() for call in calls)
    worker.is_idle()
    assert set(worker.metrics().outcomes()) == {"CANCELLED"}
    eventually(lambda: worker.metrics().value("fourplane_open_connections") == 0, "no connection is open")


def test_the_engine_is_told_of_every_call_that_is_given_up(worker, engine):
    with Peer(worker.address) as peer:
        calls = [peer.stub.ModelInfer.future(floats("held", [1.0])) for _ in range(30)]
        for _ in calls:
            engine.holding.acquire()
        assert worker.metrics().value("fourplane_open_engine_calls") == 30
        for call in calls:
            call.cancel()
        eventually(lambda: len(engine.given_up) == 30, "the engine has heard of all")
    worker.is_idle()
