"""Response messages on their way out: the same in any pieces, bounded, under the public name."""

import pytest
from front_builders import framed, unframed
from hypothesis import given
from hypothesis import strategies as st
from oip_messages import Response, StreamResponse, a_response
from oip_strategies import cut, field

from fourplane_core.outcomes import Outcome
from fourplane_wire.oip import response_suffix
from fourplane_worker.front.messages import BadMessageError
from fourplane_worker.front.outgoing import Outgoing, StreamOutgoing

SUFFIX = response_suffix("public", "")
MASK = (b"engine-echo", b"public")
places = st.lists(st.integers(0, 3000), max_size=20)
tensors = st.lists(st.one_of(st.binary(max_size=20), st.integers(90, 140).map(bytes)), min_size=1, max_size=4)


def passed(outgoing, pieces):
    out = []
    for piece in pieces:
        outgoing.feed(piece, out)
    return b"".join(out)


def a_stream():
    return StreamOutgoing(1 << 20, SUFFIX, MASK)


@given(tensors, places)
def test_any_pieces_of_responses_leave_as_the_same_messages(values, cuts):
    raws = [a_response(tensor=tensor).SerializeToString() for tensor in values]
    outgoing = Outgoing(1 << 20, SUFFIX)
    out = passed(outgoing, cut(b"".join(map(framed, raws)), cuts))
    assert out == b"".join(framed(raw + SUFFIX) for raw in raws)
    assert outgoing.between
    assert outgoing.count == len(values)
    assert {Response.FromString(message).model_name for message in unframed(out)} == {"public"}


@given(tensors, places, st.booleans())
def test_any_pieces_of_streamed_responses_leave_as_the_same_messages(values, cuts, with_error):
    error = "in engine-echo" if with_error else ""
    messages = [StreamResponse(error_message=error, infer_response=a_response(tensor=tensor)) for tensor in values]
    outgoing = a_stream()
    out = unframed(passed(outgoing, cut(b"".join(map(framed, messages)), cuts)))
    for message in messages:
        message.infer_response.model_name = "public"
        message.error_message = message.error_message.replace("engine-echo", "public")
    assert [StreamResponse.FromString(message) for message in out] == messages
    assert outgoing.between
    assert outgoing.count == len(values)


@given(st.integers(90, 140), st.integers(0, 40))
def test_lengths_at_the_boundary_of_a_varint_stay_true_in_pieces(size, first):
    data = framed(StreamResponse(infer_response=a_response(tensor=bytes(size))))
    (message,) = unframed(passed(a_stream(), [data[:first], data[first:]]))
    assert StreamResponse.FromString(message).infer_response.raw_output_contents == [bytes(size)]


def test_a_large_streamed_response_is_passed_on_before_it_is_whole():
    data = framed(StreamResponse(infer_response=a_response(tensor=bytes(100_000))))
    outgoing = a_stream()
    assert len(passed(outgoing, [data[:50_000]])) > 49_000
    assert outgoing.amid
    assert not outgoing.between


def test_what_can_not_be_passed_on_in_pieces_is_held():
    data = framed(StreamResponse(error_message="e", infer_response=a_response(tensor=bytes(1000))))
    outgoing = a_stream()
    assert passed(outgoing, [data[:500]]) == b""
    assert not outgoing.amid
    assert not outgoing.between


def test_an_error_behind_a_large_response_is_masked_too():
    inner = a_response(tensor=bytes(1000)).SerializeToString()
    message = field(2, inner) + field(1, b"in engine-echo")
    data = framed(message)
    (out,) = unframed(passed(a_stream(), [data[:100], data[100:]]))
    assert StreamResponse.FromString(out).error_message == "in public"
    assert StreamResponse.FromString(out).infer_response.model_name == "public"


@pytest.mark.parametrize("kind", [lambda: Outgoing(1 << 20, SUFFIX), a_stream])
def test_a_part_of_a_prefix_is_held(kind):
    outgoing = kind()
    assert passed(outgoing, [b"\0\0\0"]) == b""
    assert not outgoing.between


def test_an_empty_response_becomes_its_suffix():
    assert passed(Outgoing(10, SUFFIX), [framed(b"")]) == framed(SUFFIX)
    assert passed(a_stream(), [framed(b"")]) == framed(b"")


@pytest.mark.parametrize("kind", [lambda: Outgoing(100, SUFFIX), lambda: StreamOutgoing(100, SUFFIX, MASK)])
@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"\0\0\0\0\x65", Outcome.RESPONSE_TOO_LARGE),
        (b"\1\0\0\0\1", Outcome.ENGINE_ERROR),
        (b"<html", Outcome.ENGINE_ERROR),
    ],
)
def test_what_can_not_be_taken_is_refused_by_its_prefix(kind, data, outcome):
    with pytest.raises(BadMessageError) as caught:
        passed(kind(), [data])
    assert caught.value.outcome is outcome


@given(st.binary(max_size=100), places)
def test_any_streamed_bytes_are_passed_on_or_refused(data, cuts):
    outgoing = a_stream()
    try:
        out = passed(outgoing, cut(framed(data), cuts))
    except BadMessageError:
        return
    assert len(unframed(out)) == 1
