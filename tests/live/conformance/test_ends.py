"""How calls end before their answer: cancelled, out of time, refused; and that the model hears of it."""

import asyncio
import random
import threading

import grpc
import numpy
import pytest
from conformance_calls import floats, ints, word
from conformance_twins import answers, failure, given, text
from tritonclient.grpc import aio
from tritonclient.grpc import service_pb2 as pb

FINAL = {"triton_enable_empty_final_response": pb.InferParameter(bool_param=True)}


def seconds(model, value):
    return floats(model, [value], "seconds")


def counts(peers, model):
    """Return how many requests a watching model has begun, and how many of them were given up."""
    response = peers.direct.infer(word(model, "count")).responses[0]
    return tuple(int.from_bytes(raw, "little") for raw in response.raw_output_contents)


def stream_counts(peers):
    response = peers.direct.stream([word("watched_stream", "count")]).responses[0].infer_response
    return tuple(int.from_bytes(raw, "little") for raw in response.raw_output_contents)


def wait_until(true):
    """Return once it is; the test's own timeout ends what never comes true."""
    pause = threading.Event()
    while not true():
        pause.wait(0.02)


def test_a_cancelled_call_is_cancelled_in_the_model(peers):
    before = counts(peers, "watched")

    def attempt():
        # The model takes one request at a time, so it can't be asked whether it has begun: then this is repeated.
        call = peers.proxied.stub.ModelInfer.future(word("lookout", "wait"))
        threading.Event().wait(0.1)
        call.cancel()
        assert call.code() is grpc.StatusCode.CANCELLED
        return counts(peers, "watched")[1] == before[1] + 1

    wait_until(attempt)


def test_a_call_that_runs_out_of_time_is_cancelled_in_the_model(peers):
    before = counts(peers, "watched")

    def attempt():
        assert peers.proxied.infer(word("lookout", "wait"), timeout=0.2).code == "DEADLINE_EXCEEDED"
        return counts(peers, "watched")[1] == before[1] + 1

    wait_until(attempt)


def test_a_cancelled_stream_is_cancelled_in_the_model(peers):
    before = stream_counts(peers)
    hold = threading.Event()

    def requests():
        yield word("lighthouse", "wait")
        hold.wait(60)

    stream = peers.proxied.stub.ModelStreamInfer(requests())
    next(stream)
    assert stream_counts(peers) == (before[0] + 1, before[1])
    stream.cancel()
    wait_until(lambda: stream_counts(peers) == (before[0] + 1, before[1] + 1))
    hold.set()


def test_a_connection_that_is_closed_cancels_what_runs_on_it(peers, worker):
    before = stream_counts(peers)
    channel = grpc.insecure_channel(worker)
    path = "/inference.GRPCInferenceService/ModelStreamInfer"
    call = channel.stream_stream(path, pb.ModelInferRequest.SerializeToString)
    stream = call(iter([word("lighthouse", "wait"), word("lighthouse", "wait")]))
    next(stream), next(stream)
    channel.close()
    wait_until(lambda: stream_counts(peers) == (before[0] + 2, before[1] + 2))


def test_the_stock_clients_cancelling_stop_reaches_the_model(twins, peers):
    before = stream_counts(peers)
    begun = threading.Event()
    twins.proxied.start_stream(lambda **_: begun.set())
    twins.proxied.async_stream_infer("lighthouse", [text("mode", "wait")])
    assert begun.wait(20)
    twins.proxied.stop_stream(cancel_requests=True)
    wait_until(lambda: stream_counts(peers) == (before[0] + 1, before[1] + 1))


def test_half_closing_cancels_nothing(peers):
    answer = peers.proxied.stream([ints("burst", range(20), "values", parameters=FINAL)])
    assert (answer.code, len(answer.responses)) == ("OK", 21)


def test_a_clients_timeout_ends_alike(twins):
    slow = given("seconds", numpy.array([1.0], numpy.float32))
    direct = failure(lambda: twins.direct.infer("slow", [slow], client_timeout=0.2))
    proxied = failure(lambda: twins.proxied.infer("patience", [slow], client_timeout=0.2))
    assert proxied.status() == direct.status() == "StatusCode.DEADLINE_EXCEEDED"


def test_a_routes_deadline_ends_a_call_that_has_none(peers):
    answer = peers.proxied.infer(seconds("hasty", 2.0), timeout=None)
    assert (answer.code, answer.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    assert answer.message == "the deadline of 300 ms has passed"
    assert answer.details["ErrorInfo"].metadata == {"model": "hasty"}


def test_a_routes_deadline_leaves_quick_answers_alone(peers):
    # Earlier requests may still sleep in the model: its time does not end with the caller's.
    wait_until(lambda: peers.proxied.infer(seconds("hasty", 0.0), timeout=None).code == "OK")


def test_a_streams_timeout_of_the_stock_client_is_told_in_the_stream(twins):
    def send(opened):
        values, delay = numpy.arange(100, dtype=numpy.int32), numpy.array([50], numpy.uint32)
        opened.async_stream_infer("burst", [given("values", values), given("delay_ms", delay)])

    got = answers(twins.proxied, send, stream_timeout=1.0)
    assert [error is None for _, error in got[-2:]] == [True, False]
    assert got[-1][1].status() == "StatusCode.DEADLINE_EXCEEDED"


async def test_the_aio_client_cancels_a_call_and_a_stream(worker, peers):
    async def requests():
        yield {"model_name": "lighthouse", "inputs": [text("mode", "wait")]}
        await asyncio.sleep(60)

    before = await asyncio.to_thread(stream_counts, peers)
    async with aio.InferenceServerClient(worker) as opened:
        stream = opened.stream_infer(requests())
        result, error = await anext(stream)
        assert error is None and result.get_response().model_name == "lighthouse"
        stream.cancel()
        await asyncio.to_thread(wait_until, lambda: stream_counts(peers) == (before[0] + 1, before[1] + 1))
        call = asyncio.create_task(opened.infer("lookout", [text("mode", "wait")]))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await asyncio.to_thread(lambda: counts(peers, "watched"))


# Asked directly, Triton dies of what follows within some hundreds of them: nothing of it may be sent to it.


def alive(peers):
    return peers.proxied.infer(floats("mirror", [1.0])).code == peers.direct.infer(floats("echo", [1.0])).code == "OK"


@pytest.mark.timeout(120)
def test_calls_that_are_cancelled_near_their_end_leave_triton_alive(peers):
    draw, pause = random.Random(1), threading.Event()
    for _ in range(1000):
        call = peers.proxied.stub.ModelInfer.future(floats("mirror", [1.0]))
        pause.wait(draw.random() * 0.003)
        call.cancel()
    assert alive(peers)


@pytest.mark.timeout(120)
def test_calls_that_are_cancelled_in_swarms_leave_triton_alive(peers):
    for _ in range(100):
        calls = [peers.proxied.stub.ModelInfer.future(floats("mirror", [1.0])) for _ in range(20)]
        for call in calls:
            call.cancel()
    assert alive(peers)


@pytest.mark.timeout(120)
def test_deadlines_of_milliseconds_leave_triton_alive(peers):
    draw = random.Random(2)
    for _ in range(1000):
        assert peers.proxied.infer(floats("mirror", [1.0]), timeout=0.001 + draw.random() * 0.003).code in (
            "OK",
            "DEADLINE_EXCEEDED",
        )
    assert alive(peers)


@pytest.mark.timeout(120)
def test_streams_that_are_cancelled_between_answers_leave_triton_alive(peers):
    draw = random.Random(3)
    for number in range(400):
        requests = [ints("burst", range(1 + draw.randrange(3)), "values", id=str(n)) for n in range(5)]
        stream = peers.proxied.stub.ModelStreamInfer(iter(requests))
        for _ in range(number % 5):
            next(stream)
        stream.cancel()
    assert alive(peers)
