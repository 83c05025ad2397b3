"""Responses keep everything but the name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oip_messages import Response, StreamResponse, a_response
from oip_strategies import field, names

from fourplane_wire.oip import MalformedError, mask_name, response_suffix, rewrite_stream_response, stream_error, varint

PUBLIC = response_suffix("public", "")
MASK = (b"engine-echo", b"public")
words = st.text("ab_1", min_size=1, max_size=4)


@given(names, names, st.text(max_size=20), st.binary(max_size=300), names)
def test_a_response_gets_its_public_name_and_keeps_the_rest(model, version, request_id, tensor, public):
    response = a_response(model, version=version, request_id=request_id, tensor=tensor)
    read = Response.FromString(response.SerializeToString() + response_suffix(public, ""))
    response.model_name = public
    assert read == response


def test_a_declared_public_version_replaces_the_engines():
    data = a_response(version="3").SerializeToString()
    assert Response.FromString(data + response_suffix("public", "")).model_version == "3"
    assert Response.FromString(data + response_suffix("public", "1")).model_version == "1"


@given(st.binary(max_size=300), st.text(max_size=20), st.booleans())
def test_a_nested_response_gets_its_public_name_and_keeps_the_rest(tensor, request_id, with_error):
    inner = a_response(request_id=request_id, tensor=tensor)
    message = StreamResponse(infer_response=inner, error_message="in 'engine-echo'" if with_error else "")
    out = rewrite_stream_response(message.SerializeToString(), PUBLIC, MASK)
    message.infer_response.model_name = "public"
    message.error_message = message.error_message.replace("engine-echo", "public")
    assert StreamResponse.FromString(out) == message


@given(st.integers(0, 400))
def test_lengths_around_a_varints_boundary_stay_true(size):
    message = StreamResponse(infer_response=a_response(tensor=b"x" * size))
    out = StreamResponse.FromString(rewrite_stream_response(message.SerializeToString(), PUBLIC, MASK))
    assert out.infer_response.model_name == "public"
    assert out.infer_response.raw_output_contents == [b"x" * size]


def test_a_response_in_two_parts_keeps_its_public_name():
    first, second = (a_response(tensor=tensor).SerializeToString() for tensor in (b"1", b"2"))
    out = StreamResponse.FromString(rewrite_stream_response(field(2, first) + field(2, second), PUBLIC, MASK))
    assert out.infer_response.model_name == "public"
    assert out.infer_response.raw_output_contents == [b"1", b"2"]


def test_an_empty_message_stays_empty():
    assert rewrite_stream_response(b"", PUBLIC, MASK) == b""


@pytest.mark.parametrize(
    "data", [b"\x12", b"\x12\x05ab", b"\x1a\x00", b"\x08\x01", b"\x12\x80", b"\x80", b"\x12\x00\x0b"]
)
def test_what_is_no_stream_response_is_refused(data):
    with pytest.raises(MalformedError):
        rewrite_stream_response(data, PUBLIC, MASK)


@given(st.text(max_size=300), st.text(max_size=200))
def test_an_error_on_a_stream_names_the_request_that_it_answers(message, request_id):
    read = StreamResponse.FromString(stream_error(message, request_id.encode()))
    assert (read.error_message, read.infer_response.id) == (message, request_id)
    assert read.HasField("infer_response") == bool(request_id)


@given(st.lists(words, max_size=6), words, words, st.sampled_from([" ", "'", ", ", "/", "\n", "”", "-"]))
def test_only_whole_words_are_masked(text, inner, public, between):
    masked = mask_name(between.join(text).encode(), inner.encode(), public.encode()).decode()
    assert masked == between.join(public if word == inner else word for word in text)


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=3), st.binary(max_size=3))
def test_masking_any_bytes_ends_and_leaves_no_lone_name(text, inner, public):
    masked = mask_name(text, inner, public)
    if inner not in text:
        assert masked == text


def test_an_instance_of_the_engines_model_is_masked_and_its_number_kept():
    text = b"model 'echo_0_0', 'echo_1_gpu0' and 'echo_2' or 'my_echo_0_0'"
    assert mask_name(text, b"echo", b"public") == b"model 'public_0_0', 'public_1_gpu0' and 'echo_2' or 'my_echo_0_0'"


def test_masking_nothing_changes_nothing():
    assert mask_name(b"a text", b"", b"public") == b"a text"
    assert mask_name(b"model m", b"m", b"m") == b"model m"


@given(st.integers(0, 2**40))
def test_a_varint_is_as_short_as_can_be(value):
    assert len(varint(value)) == max(1, (value.bit_length() + 6) // 7)
