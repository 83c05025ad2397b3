"""Triton is killed under load and started again: every caller gets a typed end, and the worker recovers by itself."""

import threading
from collections import Counter

import pytest
from conformance_calls import Peer, floats, ints, request
from conformance_catalog import PUBLIC
from conformance_running import MODELS, Engine, running
from tritonclient.grpc import service_pb2 as pb

from fourplane_worker.engine import EngineSettings

REPEAT_AT_ONCE = {"POOL_UNAVAILABLE", "ENGINE_REFUSED"}
"""Reasons that say when to try again: the request never ran."""
TOLD = REPEAT_AT_ONCE | {"ENGINE_LOST", "STREAM_INTERRUPTED"}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def engine(triton_install, tmp_path):
    repository, run = tmp_path / "models", tmp_path / "run"
    repository.mkdir(), run.mkdir()
    for model in ("echo", "slow", "repeat", "accumulator"):
        (repository / model).symlink_to(MODELS / model)
    opened = Engine(triton_install, EngineSettings(model_repository=repository, run_folder=run))
    yield opened
    opened.kill()


@pytest.fixture
def peer(engine, tmp_path):
    with running(tmp_path / "worker", engine.address) as address, Peer(address) as opened:
        yield opened


def burst(**more):
    return request(
        "burst",
        ("values", "INT32", [200], bytes(800)),
        ("delay_ms", "UINT32", [1], (20).to_bytes(4, "little")),
        **more,
    )


def recovered(peer):
    """Ask until the worker reaches Triton again, without anybody telling it."""
    pause = threading.Event()
    while (answer := peer.infer(floats("mirror", [1.0]))).code != "OK":
        assert answer.reason in TOLD
        pause.wait(0.1)
    return True


def expect_typed(answers):
    for answer in answers:
        assert answer.reason in TOLD
        assert ("RetryInfo" in answer.details) == (answer.reason in REPEAT_AT_ONCE)
        assert not any(inner in answer.everything() for inner in ("accumulator", "repeat"))


def load(peer, stopping, ended):
    """Make calls until told to stop, and note how each ended."""
    while not stopping.is_set():
        ended.append(peer.infer(floats("mirror", [1.0] * 1000)))


def test_a_kill_under_load_is_told_to_every_caller_and_overcome(engine, peer):
    stopping, ended, streams = threading.Event(), [], []
    loaders = [threading.Thread(target=load, args=(peer, stopping, ended)) for _ in range(8)]
    streamers = [threading.Thread(target=lambda: streams.append(peer.stream([burst()]))) for _ in range(4)]
    sleeping = [peer.stub.ModelInfer.future(floats("patience", [10.0], "seconds")) for _ in range(2)]
    for each in loaders + streamers:
        each.start()
    pause = threading.Event()
    while len(ended) < 100:
        pause.wait(0.05)
    engine.kill()
    refused = peer.infer(floats("mirror", [1.0]))
    engine.start()
    assert recovered(peer)
    before = len(ended)
    while len(ended) < before + 100:
        pause.wait(0.05)
    stopping.set()
    for each in loaders + streamers:
        each.join()
    expect_typed([answer for answer in ended if answer.code != "OK"])
    expect_typed(streams)
    assert {answer.reason for answer in streams} <= {"STREAM_INTERRUPTED", "ENGINE_LOST"}
    assert refused.reason in TOLD
    assert {call.code().name for call in sleeping} == {"UNAVAILABLE"}
    counts = Counter("OK" if answer.code == "OK" else answer.reason for answer in ended)
    assert counts["OK"] >= 200, counts


def test_while_the_engine_is_away_callers_are_told_when_to_retry(engine, peer):
    assert peer.infer(floats("mirror", [1.0])).code == "OK"
    engine.kill()
    while (answer := peer.infer(floats("mirror", [1.0]))).reason != "POOL_UNAVAILABLE":
        assert answer.reason == "ENGINE_LOST"
    assert answer.details["RetryInfo"].retry_delay.ToMilliseconds() == 1000
    streamed = peer.stream([floats("mirror", [1.0], id="x")])
    assert streamed.code == "OK" and streamed.responses[0].infer_response.id == "x"
    assert streamed.responses[0].error_message == answer.message
    engine.start()
    assert recovered(peer)


def test_a_sequence_does_not_go_on_at_an_engine_that_has_forgotten_it(engine, peer):
    def step(value, **flags):
        parameters = {"sequence_id": pb.InferParameter(int64_param=5)}
        parameters |= {key: pb.InferParameter(bool_param=True) for key in flags}
        message = ints("counter", [value], "value", parameters=parameters)
        message.inputs[0].shape[:] = [1, 1]
        return peer.infer(message)

    assert step(1, sequence_start=True).code == step(1).code == "OK"
    engine.kill()
    engine.start()
    assert recovered(peer)
    lost = step(1)
    assert lost.code != "OK" and lost.reason in ("ENGINE_LOST", "ENGINE_ERROR")
    assert step(1, sequence_start=True).code == "OK"
    assert step(1, sequence_end=True).code == "OK"


def test_the_loss_of_an_engine_is_told_without_its_models_names(engine, peer):
    engine.kill()
    for public in ("mirror", "patience", "burst", "counter"):
        answer = peer.infer(floats(public, [1.0]))
        assert answer.reason in TOLD and PUBLIC[public] not in answer.everything()
    engine.start()
    assert recovered(peer)
