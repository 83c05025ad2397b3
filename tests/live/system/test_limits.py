"""What a RuntimeDeployment says about callers: each bound seen by a caller, and moved while it is there."""

import threading

import grpc
import pytest
from conformance_calls import Peer, floats
from system_engine import HELD
from system_runtime import a_route, a_runtime
from system_worker import eventually

ROUTES = (a_route("echo", ("main", "echo")), a_route("held", ("main", HELD)))


@pytest.fixture
def world(state, engine, start):
    """A worker, and a way to publish other bounds."""

    def publish(**more):
        activation = state.publish(a_runtime({"main": ([engine.address], ["echo", HELD])}, **more), *ROUTES)
        if publish.worker:
            publish.worker.serves(activation)

    publish.worker = None
    publish()
    publish.worker = start()
    publish.worker.serves()
    return publish


@pytest.fixture
def peer(world):
    with Peer(world.worker.address) as opened:
        yield opened


def of_bytes(count):
    """Return a request of exactly that many bytes."""
    message = floats("echo", [], id="")
    message.raw_input_contents[0] = b"\0" * (count - message.ByteSize() - 8)
    message.raw_input_contents[0] += b"\0" * (count - message.ByteSize())
    assert message.ByteSize() == count
    return message


def test_the_bound_on_requests_is_exact_and_moves_under_a_connection(world, peer):
    world(limits={"maxRequestBytes": 5000})
    assert peer.infer(of_bytes(5000)).code == "OK"
    refused = peer.infer(of_bytes(5001))
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert "5001" in refused.message and "5000" in refused.message
    world(limits={"maxRequestBytes": 5001})
    assert peer.infer(of_bytes(5001)).code == "OK"
    world(limits={"maxRequestBytes": 4999})
    assert peer.infer(of_bytes(5000)).reason == "MESSAGE_TOO_LARGE"
    assert peer.infer(of_bytes(5000), compression=grpc.Compression.Gzip).reason == "MESSAGE_TOO_LARGE"


def test_the_bound_on_responses_is_exact_and_moves_under_a_connection(world, peer, engine):
    assert peer.infer(of_bytes(5000)).code == "OK"
    with Peer(engine.address) as direct:
        asked = of_bytes(5000)
        asked.model_name = "echo"
        size = direct.infer(asked).responses[0].ByteSize()
    world(limits={"maxResponseBytes": size})
    assert peer.infer(of_bytes(5000)).code == "OK"
    world(limits={"maxResponseBytes": size - 1})
    refused = peer.infer(of_bytes(5000))
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "RESPONSE_TOO_LARGE")
    streamed = peer.stream([of_bytes(1000), of_bytes(5000)])
    assert (streamed.reason, len(streamed.responses)) == ("RESPONSE_TOO_LARGE", 1)
    world(limits={"maxResponseBytes": size})
    assert peer.infer(of_bytes(5000)).code == "OK"


def test_the_bound_on_metadata_moves_for_those_who_are_connected(world, peer):
    heavy = [("x-heavy", "v" * 3000)]
    assert peer.infer(floats("echo", [1.0]), metadata=heavy).code == "OK"
    world(limits={"maxMetadataBytes": 2000})
    refused = peer.infer(floats("echo", [1.0]), metadata=heavy)
    assert refused.code == "RESOURCE_EXHAUSTED"
    assert peer.infer(floats("echo", [1.0])).code == "OK"
    world(limits={"maxMetadataBytes": 5000})
    assert peer.infer(floats("echo", [1.0]), metadata=heavy).code == "OK"


def test_the_bound_on_streams_moves_for_those_who_are_connected(world, peer, engine):
    def open_calls():
        return world.worker.metrics().value("fourplane_open_calls")

    world(limits={"maxStreamsPerConnection": 3})
    assert peer.infer(floats("echo", [1.0])).code == "OK"
    calls = [peer.stub.ModelInfer.future(floats("held", [1.0])) for _ in range(6)]
    eventually(lambda: open_calls() == 3, "as many calls are open as may be")
    world(limits={"maxStreamsPerConnection": 6})
    eventually(lambda: open_calls() == 6, "the others are open, too")
    engine.let_go.set()
    assert {call.code().name for call in calls} == {"OK"}


BEHIND_S = 1
"""How much later an engine's own deadline is: the worker ends the call before, and cancels what still runs."""


def test_the_longest_deadline_holds_for_who_names_none_and_for_who_names_more(world, peer, engine):
    world(limits={"maxDeadline": "300ms"})
    for more in ({}, {"timeout": 30}):
        call = peer.stub.ModelInfer.future(floats("held", [1.0]), **more)
        assert call.code().name == "DEADLINE_EXCEEDED"
        assert dict(call.trailing_metadata())["x-fourplane-outcome"] == "DEADLINE_EXCEEDED"
        assert BEHIND_S < engine.left[-1] < 0.31 + BEHIND_S
    world(limits={"maxDeadline": "10s"})
    assert peer.infer(floats("echo", [1.0])).code == "OK"
    assert 5 < engine.left[-1] < 10.1 + BEHIND_S
    assert peer.infer(floats("echo", [1.0]), timeout=3).code == "OK"
    assert BEHIND_S < engine.left[-1] < 3.1 + BEHIND_S


def test_the_longest_stream_ends_in_time(world, peer):
    def stream():
        gate = threading.Event()

        def requests():
            yield floats("echo", [1.0])
            gate.wait()

        call = peer.stub.ModelStreamInfer(requests())
        next(call)
        assert call.code().name == "DEADLINE_EXCEEDED"
        gate.set()
        return dict(call.trailing_metadata())["x-fourplane-outcome"]

    world(limits={"maxStreamDuration": "300ms"})
    assert stream() == "DEADLINE_EXCEEDED"
    world(limits={"maxStreamDuration": "1s"})
    assert stream() == "DEADLINE_EXCEEDED"


def test_callers_without_identity_are_refused_and_served_as_the_resource_says(world, peer):
    assert peer.infer(floats("echo", [1.0])).code == "OK"
    world(anonymous="Deny")
    refused = peer.infer(floats("echo", [1.0]))
    assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "CALLER_UNAUTHENTICATED")
    assert peer.stream([floats("echo", [1.0])]).reason == "CALLER_UNAUTHENTICATED"
    assert peer.call("ServerMetadata", b"").reason == "CALLER_UNAUTHENTICATED"
    world(anonymous="Allow")
    assert peer.infer(floats("echo", [1.0])).code == "OK"
