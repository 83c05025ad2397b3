"""Sequences: requests that belong together, unary and on streams, by number and by name."""

import numpy
import pytest
from conformance_calls import ints
from conformance_twins import given, renamed
from tritonclient.grpc import service_pb2 as pb


def one(value):
    return given("value", numpy.array([[value]], numpy.int32))


@pytest.mark.parametrize("sequence", [42, -1, 2**63 - 1, "session-a", "ein Wörtchen"])
def test_a_sequence_keeps_its_state(twins, sequence):
    steps = [(1, {"sequence_start": True}), (10, {}), (100, {"sequence_end": True})]

    def run(opened, model):
        results = [opened.infer(model, [one(value)], sequence_id=sequence, **more) for value, more in steps]
        return [int(result.as_numpy("total")[0, 0]) for result in results]

    assert run(twins.direct, "accumulator") == run(twins.proxied, "counter") == [1, 11, 111]


def test_sequences_that_interleave_stay_apart(twins):
    got = {7: [], "seven": [], 8: []}
    for step in range(4):
        for sequence, totals in got.items():
            more = {"sequence_start": step == 0, "sequence_end": step == 3}
            result = twins.proxied.infer("counter", [one(step + 1)], sequence_id=sequence, **more)
            totals.append(int(result.as_numpy("total")[0, 0]))
    assert list(got.values()) == [[1, 3, 6, 10]] * 3


@pytest.mark.parametrize("sequence", [43, "session-b"])
def test_a_sequence_on_a_stream_keeps_its_state(twins, sequence):
    def send(opened, model):
        for step in range(5):
            more = {"sequence_start": step == 0, "sequence_end": step == 4}
            opened.async_stream_infer(model, [one(step)], sequence_id=sequence, request_id=str(step), **more)

    got = twins.stream("counter", send)
    assert [int(result.as_numpy("total")[0, 0]) for result, _ in got] == [0, 1, 3, 6, 10]


def test_sequences_that_interleave_on_a_stream_stay_apart(twins):
    def send(opened, model):
        for step in range(5):
            for sequence in (44, "session-c", 45):
                more = {"sequence_start": step == 0, "sequence_end": step == 4}
                opened.async_stream_infer(model, [one(step)], sequence_id=sequence, request_id=f"{sequence}", **more)

    answers = {}
    for result, _ in twins.stream_by_id("counter", send):
        answers.setdefault(result.get_response().id, []).append(int(result.as_numpy("total")[0, 0]))
    assert answers == {name: [0, 1, 3, 6, 10] for name in ("44", "session-c", "45")}


def test_a_sequence_may_go_from_unary_to_a_stream_and_back(twins):
    def run(opened, model):
        def send(opened):
            opened.async_stream_infer(model, [one(10)], sequence_id=99)

        first = opened.infer(model, [one(1)], sequence_id=99, sequence_start=True)
        got = []
        opened.start_stream(lambda result, error: got.append((result, error)))
        send(opened)
        opened.stop_stream()
        last = opened.infer(model, [one(100)], sequence_id=99, sequence_end=True)
        return [int(result.as_numpy("total")[0, 0]) for result in (first, got[0][0], last)]

    assert run(twins.direct, "accumulator") == run(twins.proxied, "counter") == [1, 11, 111]


@pytest.mark.parametrize("number", [0, 46])
def test_a_request_without_a_start_is_refused_alike(peers, number):
    def message(model):
        parameters = {"sequence_id": pb.InferParameter(int64_param=number)} if number else {}
        request = ints(model, [1], "value", parameters=parameters)
        request.inputs[0].shape[:] = [1, 1]
        return request

    direct, proxied = peers.direct.infer(message("accumulator")), peers.proxied.infer(message("counter"))
    assert direct.code == proxied.code == "INVALID_ARGUMENT"
    assert proxied.message == renamed(direct.message, "counter")
    assert proxied.reason == "ENGINE_ERROR" and "accumulator" not in proxied.everything()
