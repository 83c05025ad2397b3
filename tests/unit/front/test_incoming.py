"""A request message on its way in: the same in any pieces, bounded, and passed on whole."""

import gzip

import pytest
from front_builders import framed
from hypothesis import given
from hypothesis import strategies as st
from oip_messages import Request, a_request
from oip_strategies import cut

from fourplane_core.outcomes import Outcome
from fourplane_worker.front.incoming import Incoming
from fourplane_worker.front.messages import SCAN_BYTES, BadMessageError

SUFFIX = b"\x0a\x06engine\x12\x011"
places = st.lists(st.integers(0, 3000), max_size=20)


def an_incoming(most=1 << 20, encoding=b"identity"):
    return Incoming(most, encoding)


def pass_on(incoming, pieces):
    """Feed pieces and take what can be passed on as the front does; return the bytes that an engine gets."""
    out, begun = [], False
    for piece in pieces:
        assert incoming.feed(piece, 0) == len(piece)
        if incoming.ready:
            out += incoming.take(SUFFIX, not begun)
            begun = True
    return b"".join(out)


@given(st.binary(max_size=2000), places)
def test_any_pieces_reach_the_engine_as_the_same_bytes(tensor, cuts):
    raw = a_request(tensor=tensor).SerializeToString()
    incoming = an_incoming()
    assert pass_on(incoming, cut(framed(raw), cuts)) == framed(raw + SUFFIX)
    assert incoming.complete
    assert incoming.facts(lambda _key: None).model == "echo"


@given(st.binary(max_size=2000), places)
def test_a_compressed_message_reaches_the_engine_plain(tensor, cuts):
    raw = a_request(tensor=tensor).SerializeToString()
    incoming = an_incoming(encoding=b"gzip")
    assert pass_on(incoming, cut(framed(gzip.compress(raw), flag=1), cuts)) == framed(raw + SUFFIX)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4), places)
def test_a_message_takes_its_own_bytes_and_leaves_the_next_ones(tensors, cuts):
    messages = [a_request(tensor=tensor).SerializeToString() for tensor in tensors]
    found, incoming = [], an_incoming()
    body = []
    for piece in cut(b"".join(map(framed, messages)), cuts):
        pos = 0
        while pos < len(piece):
            pos = incoming.feed(piece, pos)
            if incoming.ready:
                body += incoming.take(b"", not body)
            if incoming.complete:
                found.append(b"".join(body))
                body, incoming = [], an_incoming()
    assert found == [framed(message) for message in messages]
    assert not incoming.begun


def test_an_empty_message_is_complete_with_its_prefix():
    incoming = an_incoming()
    assert not incoming.begun
    assert incoming.feed(b"\0\0\0", 0) == 3
    assert incoming.begun
    assert not incoming.complete
    assert incoming.feed(b"\0\0rest", 0) == 2
    assert incoming.complete
    assert incoming.ready
    assert incoming.facts(lambda _key: None).model == ""


def test_a_message_of_exactly_the_bound_is_taken():
    raw = a_request().SerializeToString()
    assert pass_on(an_incoming(most=len(raw)), [framed(raw)])
    with pytest.raises(BadMessageError) as caught:
        an_incoming(most=len(raw) - 1).feed(framed(raw)[:5], 0)
    assert caught.value.outcome is Outcome.MESSAGE_TOO_LARGE


def test_a_name_must_come_before_too_many_bytes():
    raw = b"\x3a" + b"\x80\x80\x10" + bytes(1 << 18)
    incoming = an_incoming()
    with pytest.raises(BadMessageError, match="model_name"):
        pass_on(incoming, cut(framed(raw), range(0, len(raw), 10_000)))
    assert incoming.waiting <= SCAN_BYTES + 10_000


def test_it_is_ready_before_the_tensors_have_come():
    incoming = an_incoming()
    incoming.feed(framed(a_request(tensor=bytes(100_000)))[:200], 0)
    assert incoming.ready
    assert not incoming.complete


@given(st.binary(max_size=60), places)
def test_any_bytes_are_passed_on_with_the_decided_name_or_refused(data, cuts):
    incoming = an_incoming()
    try:
        passed = pass_on(incoming, cut(framed(data), cuts))
    except BadMessageError:
        return
    assert incoming.complete
    try:
        read = Request.FromString(passed[5:])
    except Exception:  # noqa: BLE001 - an engine refuses it too
        return
    assert (read.model_name, read.model_version) == ("engine", "1")


@pytest.mark.parametrize("name", [b"\xff", b"\xc3", b"a\xed\xa0\x80"])
def test_a_name_must_be_utf8(name):
    incoming = an_incoming()
    incoming.feed(framed(b"\x0a" + bytes((len(name),)) + name), 0)
    with pytest.raises(BadMessageError, match="UTF-8"):
        incoming.facts(lambda _key: None)
