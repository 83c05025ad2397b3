"""Streams that mix decoupled, plain, failing and unknown models: asked directly, they abort Triton.

Nothing here may be sent to Triton itself.
"""

import asyncio
import collections
import random
import threading

import numpy
import pytest
from conformance_calls import Peer, floats, ints, request, word
from conformance_twins import given, text
from tritonclient.grpc import aio
from tritonclient.grpc import service_pb2 as pb

FINAL = {"triton_enable_empty_final_response": pb.InferParameter(bool_param=True)}


def messages(count, seed):
    """Return requests to all kinds of models in an arbitrary order, and how many answers each id gets."""
    draw = random.Random(seed)
    found, expected = [], {}
    for number in range(count):
        kind = draw.choice(["burst", "mirror", "mishap", "nobody", "ghost", "bad", "arithmetic"])
        name = f"{kind}-{number}"
        expected[name] = 1
        match kind:
            case "burst":
                size = draw.randrange(4)
                expected[name] = size + 1
                found.append(ints("burst", range(size), "values", id=name, parameters=FINAL))
            case "mishap":
                found.append(word("mishap", draw.choice(["error", "none"]), id=name))
            case "bad":
                found.append(floats("mirror", [1.0], "in_unknown", id=name))
            case "arithmetic":
                tensors = [(side, "INT32", [1, 4], bytes(16)) for side in "ab"]
                found.append(request("arithmetic", *tensors, id=name))
            case _:
                found.append(floats(kind, [float(number)] * draw.choice([1, 100, 30_000]), id=name))
    return found, expected


def check(answer, expected):
    counts = collections.Counter(each.infer_response.id for each in answer.responses)
    assert answer.code == "OK", (answer.message, {k: (v, counts[k]) for k, v in expected.items() if counts[k] != v})
    assert dict(counts) == expected
    for each in answer.responses:
        kind = each.infer_response.id.partition("-")[0]
        if each.error_message:
            assert kind in ("mishap", "nobody", "ghost", "bad"), each.error_message
        else:
            assert each.infer_response.model_name == {"bad": "mirror"}.get(kind, kind)
    assert not any(name in answer.everything() for name in ("never_loaded", "failing", "add_sub", "accumulator"))


@pytest.mark.timeout(180)
def test_mixed_streams_are_answered_and_triton_lives(peers):
    for seed in range(60):
        found, expected = messages(40, seed)
        check(peers.proxied.stream(found), expected)
    assert peers.direct.infer(floats("echo", [1.0])).code == "OK"


@pytest.mark.timeout(180)
def test_mixed_streams_side_by_side_are_answered_and_triton_lives(peers, worker):
    failures = []

    def run(number):
        try:
            with Peer(worker) as peer:
                for round_ in range(8):
                    found, expected = messages(30, number * 1000 + round_)
                    check(peer.stream(found, timeout=60), expected)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures, failures[0]
    assert peers.direct.infer(floats("echo", [1.0])).code == "OK"


@pytest.mark.timeout(180)
def test_mixed_streams_that_are_given_up_leave_triton_alive(peers):
    for seed in range(60):
        found, _ = messages(30, seed)
        stream = peers.proxied.stub.ModelStreamInfer(iter(found))
        for _ in range(seed % 5):
            next(stream)
        stream.cancel()
    assert peers.proxied.infer(floats("mirror", [1.0])).code == "OK"
    assert peers.direct.infer(floats("echo", [1.0])).code == "OK"


async def test_the_aio_client_mixes_models_on_one_stream(worker):
    async def requests():
        for number in range(50):
            yield {
                "model_name": "burst",
                "inputs": [given("values", numpy.arange(2, dtype=numpy.int32))],
                "request_id": f"burst-{number}",
            }
            yield {"model_name": "mishap", "inputs": [text("mode", "none")], "request_id": f"mishap-{number}"}
            await asyncio.sleep(0)

    counts = collections.Counter()
    async with aio.InferenceServerClient(worker) as opened:
        async for result, error in opened.stream_infer(requests(), stream_timeout=30):
            assert error is None
            counts[result.get_response().model_name] += 1
    assert counts == {"burst": 100, "mishap": 50}
