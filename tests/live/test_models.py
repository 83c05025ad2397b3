"""The conformance models, asked directly at the real Triton: what a proxy has to reproduce."""

import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy
import pytest
import tritonclient.grpc as client
from tritonclient.utils import InferenceServerException

DATA: dict[str, numpy.ndarray] = {
    "BOOL": numpy.array([True, False, True]),
    "UINT8": numpy.array([0, 7, 255], numpy.uint8),
    "UINT16": numpy.array([0, 7, 65535], numpy.uint16),
    "UINT32": numpy.array([0, 7, 2**32 - 1], numpy.uint32),
    "UINT64": numpy.array([0, 7, 2**64 - 1], numpy.uint64),
    "INT8": numpy.array([-128, 0, 127], numpy.int8),
    "INT16": numpy.array([-(2**15), 0, 2**15 - 1], numpy.int16),
    "INT32": numpy.array([-(2**31), 0, 2**31 - 1], numpy.int32),
    "INT64": numpy.array([-(2**63), 0, 2**63 - 1], numpy.int64),
    "FP16": numpy.array([-1.5, 0, 65504], numpy.float16),
    "FP32": numpy.array([-1.5, 0, 3.4e38], numpy.float32),
    "FP64": numpy.array([-1.5, 0, 1.7e308], numpy.float64),
    "BYTES": numpy.array([b"", b"\x00\xff", "wörld".encode()], numpy.object_),
    "BF16": numpy.array([-1.5, 0, 2.0], ml_dtypes.bfloat16),
}


@pytest.fixture
def triton_client(triton: str) -> Iterator[client.InferenceServerClient]:
    with client.InferenceServerClient(triton) as opened:
        yield opened


def given(name: str, data: numpy.ndarray, datatype: str) -> client.InferInput:
    tensor = client.InferInput(name, list(data.shape), datatype)
    tensor.set_data_from_numpy(data)
    return tensor


def ask(opened: client.InferenceServerClient, model: str, *inputs: Any, **more: Any) -> Any:
    return opened.infer(model, list(inputs), client_timeout=20, **more)


def stream(opened: client.InferenceServerClient, send: Callable[[], None], wanted: int) -> list[tuple[Any, Any]]:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    opened.start_stream(lambda result, error: answers.put((result, error)))
    try:
        send()
        return [answers.get(timeout=20) for _ in range(wanted)]
    finally:
        opened.stop_stream()


@pytest.mark.parametrize("datatype", DATA)
def test_echo_returns_every_datatype(triton_client, datatype):
    data = DATA[datatype]
    name = datatype.lower()
    answer = ask(
        triton_client,
        "echo",
        given(f"in_{name}", data, datatype),
        outputs=[client.InferRequestedOutput(f"out_{name}")],
    )
    assert (answer.as_numpy(f"out_{name}") == data).all()


def test_echo_takes_all_types_at_once(triton_client):
    inputs = [given(f"in_{name.lower()}", data, name) for name, data in DATA.items()]
    answer = ask(triton_client, "echo", *inputs)
    assert {output.name for output in answer.get_response().outputs} == {f"out_{name.lower()}" for name in DATA}
    assert all((answer.as_numpy(f"out_{n.lower()}") == data).all() for n, data in DATA.items())


def test_echo_takes_an_empty_tensor(triton_client):
    answer = ask(triton_client, "echo", given("in_fp32", numpy.zeros(0, numpy.float32), "FP32"))
    assert answer.as_numpy("out_fp32").shape == (0,)


def test_add_sub_answers_two_outputs_for_a_batch(triton_client):
    a = numpy.arange(8, dtype=numpy.int32).reshape(2, 4)
    answer = ask(triton_client, "add_sub", given("a", a, "INT32"), given("b", a * 3, "INT32"))
    assert (answer.as_numpy("sum") == a * 4).all()
    assert (answer.as_numpy("difference") == a * -2).all()


def test_parameters_shows_what_the_caller_sent(triton_client):
    sent = {"text": "hallo", "number": 7, "flag": True}
    data = given("x", numpy.zeros(1, numpy.int32), "INT32")
    answer = ask(triton_client, "parameters", data, request_id="r-1", parameters=sent)
    seen = json.loads(answer.as_numpy("parameters")[0])
    assert seen["parameters"] == sent
    assert (seen["id"], answer.get_response().id) == ("r-1", "r-1")


@pytest.mark.parametrize("sequence", [42, "session-a"])
def test_accumulator_keeps_a_total_for_each_sequence(triton_client, sequence):
    def add(value: int, **more: Any) -> int:
        data = given("value", numpy.array([[value]], numpy.int32), "INT32")
        answer = ask(triton_client, "accumulator", data, sequence_id=sequence, **more)
        return int(answer.as_numpy("total")[0, 0])

    totals = [add(1, sequence_start=True), add(10), add(100, sequence_end=True)]
    assert totals == [1, 11, 111]


def test_slow_answers_after_the_time_asked_for(triton_client):
    data = given("seconds", numpy.array([0.05], numpy.float32), "FP32")
    answer = ask(triton_client, "slow", data)
    assert answer.as_numpy("slept")[0] == numpy.float32(0.05)


def test_slow_ends_at_the_callers_deadline(triton_client):
    data = given("seconds", numpy.array([0.5], numpy.float32), "FP32")
    with pytest.raises(InferenceServerException, match="Deadline Exceeded"):
        triton_client.infer("slow", [data], client_timeout=0.1)


@pytest.mark.parametrize(("mode", "text"), [("raise", "an exception"), ("error", "an error")])
def test_failing_fails_in_the_way_asked_for(triton_client, mode, text):
    data = given("mode", numpy.array([mode.encode()], numpy.object_), "BYTES")
    with pytest.raises(InferenceServerException, match=f"the caller asked for {text}"):
        ask(triton_client, "failing", data)


def test_failing_succeeds_in_any_other_mode(triton_client):
    data = given("mode", numpy.array([b"none"], numpy.object_), "BYTES")
    assert ask(triton_client, "failing", data).as_numpy("mode_out")[0] == b"none"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_repeat_answers_as_often_as_there_are_values(triton_client, count):
    values = numpy.arange(count, dtype=numpy.int32) * 10
    inputs = [
        given("values", values, "INT32"),
        given("delay_ms", numpy.array([1], numpy.uint32), "UINT32"),
    ]

    def send() -> None:
        triton_client.async_stream_infer("repeat", inputs, enable_empty_final_response=True)

    answers = stream(triton_client, send, count + 1)
    assert [error for _, error in answers] == [None] * (count + 1)
    responses = [result.get_response() for result, _ in answers]
    finals = [each.parameters["triton_final_response"].bool_param for each in responses]
    assert finals == [False] * count + [True]
    assert [result.as_numpy("value")[0] for result, _ in answers[:count]] == list(values)


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_big_output_is_as_big_as_asked(triton_client, size):
    data = given("size", numpy.array([size], numpy.int64), "INT64")
    output = ask(triton_client, "big_output", data).as_numpy("data")
    assert output.shape == (size,)
    assert (output == numpy.arange(size) % 251).all()
