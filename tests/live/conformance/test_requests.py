"""Requests built by hand: typed contents, parameters of every kind, ids and what Triton refuses."""

import json
import threading

import numpy
import pytest
from conformance_calls import floats, inner, ints, request, word
from conformance_twins import expect_same, given, renamed
from tritonclient.grpc import service_pb2 as pb

CONTENTS = {
    "BOOL": pb.InferTensorContents(bool_contents=[True, False]),
    "UINT8": pb.InferTensorContents(uint_contents=[0, 255]),
    "UINT16": pb.InferTensorContents(uint_contents=[0, 65535]),
    "UINT32": pb.InferTensorContents(uint_contents=[0, 2**32 - 1]),
    "UINT64": pb.InferTensorContents(uint64_contents=[0, 2**64 - 1]),
    "INT8": pb.InferTensorContents(int_contents=[-128, 127]),
    "INT16": pb.InferTensorContents(int_contents=[-(2**15), 2**15 - 1]),
    "INT32": pb.InferTensorContents(int_contents=[-(2**31), 2**31 - 1]),
    "INT64": pb.InferTensorContents(int64_contents=[-(2**63), 2**63 - 1]),
    "FP32": pb.InferTensorContents(fp32_contents=[-1.5, 3.25]),
    "FP64": pb.InferTensorContents(fp64_contents=[-1.5, 1e300]),
    "BYTES": pb.InferTensorContents(bytes_contents=[b"", b"\x00\xff"]),
    "FP16": pb.InferTensorContents(bytes_contents=[b"\x00\x3c", b"\x00\x40"]),
}
NUMBERS = ("x", "INT32", [1], b"\0\0\0\0")


def agree(peers, message):
    """Ask both; require the same answer or the same error, and return what the worker said."""
    direct, proxied = peers.direct.infer(inner(message)), peers.proxied.infer(message)
    said = renamed(direct.message, message.model_name)
    assert (proxied.code, proxied.message) == (direct.code, said)
    if direct.code == "OK":
        expect_same(direct.responses[0], proxied.responses[0], message.model_name)
    return proxied


@pytest.mark.parametrize("datatype", CONTENTS)
def test_typed_contents_are_understood_as_triton_does(peers, datatype):
    agree(peers, request("mirror", (f"in_{datatype.lower()}", datatype, [2], CONTENTS[datatype])))


def test_typed_and_raw_contents_together_are_refused_alike(peers):
    typed = ("in_int32", "INT32", [2], CONTENTS["INT32"])
    answer = agree(peers, request("mirror", typed, ("in_bool", "BOOL", [1], b"\1")))
    assert answer.code == "INVALID_ARGUMENT"


PARAMETERS = {
    "a bool": pb.InferParameter(bool_param=True),
    "an integer": pb.InferParameter(int64_param=-7),
    "a string": pb.InferParameter(string_param="wörld"),
    "a double": pb.InferParameter(double_param=0.5),
    "an unsigned integer": pb.InferParameter(uint64_param=2**64 - 1),
    "nothing": pb.InferParameter(),
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_a_parameter_of_any_kind_is_taken_or_refused_alike(peers, kind):
    answer = agree(peers, request("attributes", NUMBERS, parameters={"mine": PARAMETERS[kind]}))
    assert answer.code == ("OK" if kind in ("a bool", "an integer", "a string", "a double") else "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "name", ["triton_unknown", "triton_final_response", "sequence_id", "priority", "timeout", "headers"]
)
def test_reserved_parameters_are_taken_or_refused_alike(peers, name):
    agree(peers, request("attributes", NUMBERS, parameters={name: pb.InferParameter(string_param="x")}))


def test_many_parameters_reach_the_model(twins):
    sent = {f"key-{n}": n for n in range(200)} | {"text": "x" * 5000, "flag": False}
    answer = twins.ask("attributes", given("x", numpy.zeros(1, numpy.int32)), request_id="r-1", parameters=sent)
    assert json.loads(answer.as_numpy("parameters")[0])["parameters"] == sent


@pytest.mark.parametrize("request_id", ["", "1", "with spaces and ü", "x" * 4000])
def test_a_request_id_comes_back(twins, request_id):
    answer = twins.ask("attributes", given("x", numpy.zeros(1, numpy.int32)), request_id=request_id)
    assert answer.get_response().id == request_id


@pytest.mark.parametrize("priority", [0, 1, 2**32])
def test_a_priority_is_passed_on(twins, priority):
    twins.ask("attributes", given("x", numpy.zeros(1, numpy.int32)), priority=priority)


@pytest.mark.parametrize("timeout", [1, 10_000_000])
def test_a_timeout_in_microseconds_is_passed_on(twins, timeout):
    twins.ask("attributes", given("x", numpy.zeros(1, numpy.int32)), timeout=timeout)


@pytest.mark.parametrize(
    "message",
    [
        floats("mirror", [1.0], "in_unknown"),
        request("mirror", ("in_fp32", "INT32", [1], b"\0\0\0\0")),
        request("mirror", ("in_fp32", "FP32", [2], b"\0\0\0\0")),
        request("mirror", ("in_fp32", "FP32", [1, 1], b"\0\0\0\0")),
        request("mirror", ("in_fp32", "FP32", [-1], b"\0\0\0\0")),
        request("mirror", ("in_fp32", "NOTYPE", [1], b"\0\0\0\0")),
        request("arithmetic", ("a", "INT32", [1, 4], bytes(16))),
        request("arithmetic", ("a", "INT32", [9, 4], bytes(144)), ("b", "INT32", [9, 4], bytes(144))),
        request("attributes"),
        ints("burst", [1], "values"),
        request("mirror", model_version="2"),
        request("mirror", model_version="text"),
        floats("mirror", [1.0], outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="out_unknown")]),
    ],
    ids=[
        "an unknown input", "a wrong datatype", "too few bytes", "a wrong rank", "a negative extent", "no datatype",
        "a missing input", "too large a batch", "no input", "a decoupled model", "an unknown version", "no version",
        "an unknown output",
    ],
)  # fmt: skip
def test_what_triton_refuses_is_refused_in_the_same_words(peers, message):
    if message.model_version:
        # The version is the route's, and a route without versions has none to ask for.
        assert peers.proxied.infer(message).reason == "MODEL_NOT_FOUND"
        return
    answer = agree(peers, message)
    assert answer.code != "OK" and answer.reason == "ENGINE_ERROR"


@pytest.mark.parametrize("mode", ["raise", "error"])
def test_an_error_of_a_model_shows_the_public_name_alone(peers, mode):
    answer = agree(peers, word("mishap", mode))
    assert answer.reason == "ENGINE_ERROR"
    assert answer.details["ErrorInfo"].metadata == {"model": "mishap"}
    assert "failing" not in answer.everything()


def test_an_answer_shows_the_public_name_alone(peers):
    answer = peers.proxied.infer(floats("mirror", [1.0]))
    assert "echo" not in answer.everything()


def test_a_model_that_the_engine_lacks_is_an_error_under_its_public_name(peers):
    # The engine says so at first, and the worker once it has looked at what the engine has.
    pause = threading.Event()
    while (answer := peers.proxied.infer(floats("ghost", [1.0]))).reason != "POOL_UNAVAILABLE":
        assert answer.reason == "ENGINE_ERROR" and "never_loaded" not in answer.everything()
        assert answer.message == "Request for unknown model: 'ghost' is not found"
        pause.wait(0.1)
    assert "never_loaded" not in answer.everything()
    streamed = peers.proxied.stream([floats("ghost", [1.0], id="x")])
    assert streamed.responses[0].error_message == answer.message and "never_loaded" not in streamed.everything()


def test_an_unknown_model_is_refused_as_triton_does(peers):
    message = floats("nobody", [1.0])
    direct, proxied = peers.direct.infer(message), peers.proxied.infer(message)
    assert (proxied.code, proxied.message) == (direct.code, direct.message)
    assert proxied.reason == "MODEL_NOT_FOUND"
