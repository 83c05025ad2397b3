"""ModelStreamInfer with one model at a time: what comes, in which order, and how it ends."""

import numpy
import pytest
from conformance_calls import floats, inner, ints, request, word
from conformance_twins import expect_same, given, renamed
from tritonclient.grpc import service_pb2 as pb

FINAL = {"triton_enable_empty_final_response": pb.InferParameter(bool_param=True)}


def agree(peers, *messages, **more):
    """Stream to both; require the same responses in the same order, and return what the worker said."""
    direct = peers.direct.stream(map(inner, messages), **more)
    proxied = peers.proxied.stream(messages, **more)
    public = messages[0].model_name
    assert (proxied.code, len(proxied.responses)) == (direct.code, len(direct.responses))
    for theirs, ours in zip(direct.responses, proxied.responses, strict=True):
        assert ours.error_message == renamed(theirs.error_message, public)
        if theirs.error_message:
            assert ours.infer_response.id == theirs.infer_response.id
        else:
            expect_same(theirs.infer_response, ours.infer_response, public)
    return proxied


def burst(count, **more):
    return ints("burst", range(count), "values", **more)


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_decoupled_model_answers_as_often_as_it_wants(twins, count, final):
    def send(opened, model):
        values = given("values", numpy.arange(count, dtype=numpy.int32))
        opened.async_stream_infer(model, [values], request_id="r", enable_empty_final_response=final)

    got = twins.stream("burst", send)
    values = [result.as_numpy("value")[0] for result, _ in got if result.get_response().outputs]
    assert values == list(range(count)) and len(got) == count + final


def test_requests_of_a_decoupled_model_keep_their_ids(peers):
    answer = agree(peers, burst(3, id="first", parameters=FINAL))
    assert [each.infer_response.id for each in answer.responses] == ["first"] * 4


def test_requests_of_a_plain_model_are_answered_in_order(peers):
    answer = agree(peers, *(floats("mirror", [n], id=f"id-{n}") for n in range(100)))
    assert [each.infer_response.id for each in answer.responses] == [f"id-{n}" for n in range(100)]


def test_a_plain_model_sends_no_empty_final_response(peers):
    agree(peers, floats("mirror", [1.0], parameters=FINAL))


def test_an_empty_stream_ends_well(peers):
    assert peers.direct.stream([]).code == peers.proxied.stream([]).code == "OK"


@pytest.mark.parametrize("mode", ["raise", "error"])
def test_an_error_of_a_model_is_told_under_its_public_name_and_the_stream_goes_on(peers, mode):
    answer = agree(peers, word("mishap", mode, id="bad"), word("mishap", "none", id="good"))
    assert [bool(each.error_message) for each in answer.responses] == [True, False]
    assert "failing" not in answer.everything()


@pytest.mark.parametrize(
    "message",
    [
        floats("mirror", [1.0], "in_unknown", id="bad"),
        request("mirror", ("in_fp32", "FP32", [2], b"\0\0\0\0"), id="bad"),
        floats("nobody", [1.0], id="bad"),
    ],
    ids=["an unknown input", "too few bytes", "an unknown model"],
)
def test_what_triton_refuses_on_a_stream_is_refused_in_the_same_words(peers, message):
    direct, proxied = peers.direct.stream([inner(message)]), peers.proxied.stream([message])
    assert (proxied.code, len(proxied.responses)) == (direct.code, len(direct.responses)) == ("OK", 1)
    theirs, ours = direct.responses[0], proxied.responses[0]
    assert ours.error_message == renamed(theirs.error_message, message.model_name)
    assert ours.infer_response.id == theirs.infer_response.id
    assert "never_loaded" not in proxied.everything() and "echo" not in proxied.everything()


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compressed_streams_are_understood(twins, compression):
    def send(opened, model):
        for n in range(5):
            opened.async_stream_infer(model, [given("in_int32", numpy.full(1000 * n, n, numpy.int32))])

    assert len(twins.stream("mirror", send, compression_algorithm=compression)) == 5


@pytest.mark.parametrize("size", [100_000, 30 << 20])
def test_big_messages_pass_both_ways(twins, size):
    def send(opened, model):
        for n in range(3):
            data = numpy.full(size, n, numpy.uint8)
            opened.async_stream_infer(model, [given("in_uint8", data)], request_id=str(n))

    assert [result.get_response().id for result, _ in twins.stream("mirror", send)] == ["0", "1", "2"]


def test_the_stream_ends_at_the_callers_deadline(peers):
    slow = request(
        "burst",
        ("values", "INT32", [100], numpy.arange(100, dtype=numpy.int32).tobytes()),
        ("delay_ms", "UINT32", [1], (50).to_bytes(4, "little")),
    )
    direct, proxied = peers.direct.stream([inner(slow)], timeout=2), peers.proxied.stream([slow], timeout=2)
    assert direct.code == proxied.code == "DEADLINE_EXCEEDED"
    assert 0 < len(proxied.responses) < 100
