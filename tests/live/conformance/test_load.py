"""Many at once: calls, streams, clients and connections, and what keeps connections alive."""

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
import tritonclient.grpc as client
from conformance_calls import Peer, floats
from conformance_twins import PATIENCE_S, Twins, given
from tritonclient.grpc import aio


def one(value):
    return given("in_fp32", numpy.full(100, value, numpy.float32))


def value_of(result):
    return result.as_numpy("out_fp32")[0]


def test_200_calls_at_once_on_one_connection_get_their_own_answers(worker):
    got = queue.SimpleQueue()
    with client.InferenceServerClient(worker) as opened:
        for number in range(200):
            opened.async_infer(
                "mirror",
                [one(number)],
                lambda result, error, number=number: got.put((number, result, error)),
                client_timeout=PATIENCE_S,
            )
        for _ in range(200):
            number, result, error = got.get(timeout=PATIENCE_S)
            assert error is None and value_of(result) == number


async def test_200_calls_at_once_of_the_aio_client_get_their_own_answers(worker):
    async with aio.InferenceServerClient(worker) as opened:
        calls = (opened.infer("mirror", [one(number)], client_timeout=PATIENCE_S) for number in range(200))
        assert [value_of(result) for result in await asyncio.gather(*calls)] == list(range(200))


def test_many_clients_with_calls_and_streams_get_their_own_answers(worker):
    def run(number):
        got = queue.SimpleQueue()
        with client.InferenceServerClient(worker, channel_args=[("grpc.use_local_subchannel_pool", 1)]) as opened:
            opened.start_stream(lambda result, error: got.put((result, error)))
            for step in range(10):
                opened.async_stream_infer("mirror", [one(number * 100 + step)])
                assert value_of(opened.infer("mirror", [one(step)], client_timeout=PATIENCE_S)) == step
            opened.stop_stream()
        return [value_of(result) for result, _ in (got.get() for _ in range(10))]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(run, range(16)))
    assert found == [[number * 100 + step for step in range(10)] for number in range(16)]


def test_big_and_small_answers_share_a_connection(worker):
    with Peer(worker) as peer:
        big = [peer.stub.ModelInfer.future(floats("mirror", [1.0] * 2_000_000)) for _ in range(4)]
        small = [peer.stub.ModelInfer.future(floats("mirror", [float(n)])) for n in range(50)]
        assert all(call.result(30).raw_output_contents for call in small)
        assert {len(call.result(30).raw_output_contents[0]) for call in big} == {8_000_000}


def test_a_reader_that_stops_reading_holds_nobody_else_up(worker):
    with Peer(worker) as lazy, Peer(worker) as other:
        hold = threading.Event()

        def requests():
            for _ in range(50):
                yield floats("mirror", [1.0] * 500_000)
            hold.wait(60)

        stream = lazy.stub.ModelStreamInfer(requests())
        next(stream)  # and no more for now: 98 MB of answers wait for the reader
        for _ in range(20):
            assert other.infer(floats("mirror", [1.0])).code == "OK"
        assert len([next(stream) for _ in range(49)]) == 49
        hold.set()


@pytest.mark.timeout(60)
def test_a_client_that_pings_is_kept(triton, worker):
    pings = client.KeepAliveOptions(
        keepalive_time_ms=1000,
        keepalive_timeout_ms=1000,
        keepalive_permit_without_calls=True,
        http2_max_pings_without_data=0,
    )
    with Twins.open(triton, worker, keepalive_options=pings) as twins:
        twins.proxied.infer("mirror", [one(1)])
        threading.Event().wait(4)  # pings go out meanwhile
        slow = given("seconds", numpy.array([3.0], numpy.float32))
        assert twins.proxied.infer("patience", [slow], client_timeout=PATIENCE_S).as_numpy("slept")[0] == 3.0
