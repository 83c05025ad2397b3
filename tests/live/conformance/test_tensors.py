"""Tensors and everything that goes with them, as Triton answers directly and through the worker."""

import ml_dtypes
import numpy
import pytest
import tritonclient.grpc as client
from conformance_twins import given, text

DATA = {
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
    "FP32": numpy.array([-1.5, numpy.nan, numpy.inf], numpy.float32),
    "FP64": numpy.array([-1.5, 0, 1.7e308], numpy.float64),
    "BYTES": numpy.array([b"", b"\x00\xff", "wörld".encode()], numpy.object_),
    "BF16": numpy.array([-1.5, 0, 2.0], ml_dtypes.bfloat16),
}


def echoed(datatype: str) -> client.InferInput:
    return given(f"in_{datatype.lower()}", DATA[datatype], datatype)


@pytest.mark.parametrize("datatype", DATA)
def test_every_datatype_comes_back(twins, datatype):
    answer = twins.ask("mirror", echoed(datatype))
    numpy.testing.assert_array_equal(answer.as_numpy(f"out_{datatype.lower()}"), DATA[datatype])


def test_all_datatypes_at_once_come_back(twins):
    answer = twins.ask("mirror", *map(echoed, DATA))
    assert {output.name for output in answer.get_response().outputs} == {f"out_{name.lower()}" for name in DATA}


@pytest.mark.parametrize("datatype", DATA)
def test_an_empty_tensor_comes_back(twins, datatype):
    twins.ask("mirror", given(f"in_{datatype.lower()}", DATA[datatype][:0], datatype))


@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (8, 4)])
def test_batches_with_two_inputs_have_two_outputs(twins, shape):
    a = numpy.arange(shape[0] * shape[1], dtype=numpy.int32).reshape(shape)
    answer = twins.ask("arithmetic", given("a", a), given("b", a * 3))
    assert (answer.as_numpy("sum") == a * 4).all() and (answer.as_numpy("difference") == a * -2).all()


@pytest.mark.parametrize("names", [["difference"], ["difference", "sum"], ["sum", "difference"]])
def test_requested_outputs_are_the_ones_that_come(twins, names):
    a = numpy.ones((1, 4), numpy.int32)
    wanted = [client.InferRequestedOutput(name) for name in names]
    answer = twins.ask("arithmetic", given("a", a), given("b", a), outputs=wanted)
    assert {output.name for output in answer.get_response().outputs} == set(names)


def test_classification_returns_the_largest_values(twins):
    data = numpy.array([0.25, 4.0, 1.0], numpy.float32)
    wanted = [client.InferRequestedOutput("out_fp32", class_count=2)]
    answer = twins.ask("mirror", given("in_fp32", data), outputs=wanted)
    assert answer.as_numpy("out_fp32").tolist() == [b"4.000000:1", b"1.000000:2"]


@pytest.mark.parametrize("size", [0, 1, 65_500, 1 << 20, 30 << 20])
def test_a_response_of_any_size_comes_whole(twins, size):
    answer = twins.ask("volume", given("size", numpy.array([size], numpy.int64)))
    assert (answer.as_numpy("data") == (numpy.arange(size) % 251).astype(numpy.uint8)).all()


@pytest.mark.parametrize("size", [1, 65_500, 1 << 20, 30 << 20])
def test_a_request_of_any_size_goes_and_comes_whole(twins, size):
    data = numpy.random.default_rng(size).integers(0, 256, size, numpy.uint8)
    assert (twins.ask("mirror", given("in_uint8", data)).as_numpy("out_uint8") == data).all()


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [3, 100_000])
def test_compressed_requests_are_understood(twins, compression, size):
    data = numpy.arange(size, dtype=numpy.int32)
    twins.ask("mirror", given("in_int32", data), compression_algorithm=compression)


def test_many_strings_come_back(twins):
    data = numpy.array([b"x" * (n % 97) for n in range(5000)], numpy.object_)
    twins.ask("mirror", given("in_bytes", data, "BYTES"))


def test_an_answer_of_a_model_that_may_fail_comes(twins):
    assert twins.ask("mishap", text("mode", "none")).as_numpy("mode_out")[0] == b"none"
