"""Prefixes and compression of gRPC's messages."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourplane_core.outcomes import Outcome
from fourplane_worker.front.messages import BadMessageError, inflate, prefix, read_prefix

PACK = {b"gzip": gzip.compress, b"deflate": zlib.compress}
encodings = st.sampled_from(sorted(PACK))


def outcome_of(call, *args):
    with pytest.raises(BadMessageError) as caught:
        call(*args)
    return caught.value.outcome


@given(st.integers(0, 2**32 - 1))
def test_a_prefix_is_read_back(size):
    assert read_prefix(prefix(size), 2**32, b"identity") == (size, False)


@pytest.mark.parametrize("flag", [2, 3, 0x80, 0xFF])
def test_a_flag_must_be_known(flag):
    assert outcome_of(read_prefix, bytes((flag, 0, 0, 0, 1)), 10, b"gzip") is Outcome.MESSAGE_MALFORMED


def test_a_flag_needs_an_encoding():
    assert outcome_of(read_prefix, b"\1\0\0\0\1", 10, b"identity") is Outcome.MESSAGE_MALFORMED
    assert read_prefix(b"\1\0\0\0\1", 10, b"gzip") == (1, True)
    assert read_prefix(b"\0\0\0\0\1", 10, b"gzip") == (1, False)


@pytest.mark.parametrize(("size", "good"), [(10, True), (11, False), (2**32 - 1, False)])
def test_a_size_is_bounded(size, good):
    if good:
        assert read_prefix(prefix(size), 10, b"identity") == (size, False)
    else:
        assert outcome_of(read_prefix, prefix(size), 10, b"identity") is Outcome.MESSAGE_TOO_LARGE


@given(st.binary(max_size=2000), encodings)
def test_what_was_packed_is_inflated(data, encoding):
    assert inflate(PACK[encoding](data), encoding, len(data)) == data


@given(st.binary(min_size=1, max_size=500), encodings)
def test_one_byte_above_the_bound_is_too_large(data, encoding):
    assert outcome_of(inflate, PACK[encoding](data), encoding, len(data) - 1) is Outcome.MESSAGE_TOO_LARGE


@given(st.binary(max_size=200), encodings, st.integers(1, 30))
def test_what_is_cut_off_is_refused(data, encoding, cut):
    assert outcome_of(inflate, PACK[encoding](data)[:-cut], encoding, 1000) is Outcome.MESSAGE_MALFORMED


@given(st.binary(max_size=200), encodings, st.binary(min_size=1, max_size=10))
def test_what_goes_on_behind_the_end_is_refused(data, encoding, more):
    assert outcome_of(inflate, PACK[encoding](data) + more, encoding, 1000) is Outcome.MESSAGE_MALFORMED


@given(st.binary(max_size=100), encodings)
def test_any_bytes_are_inflated_or_refused(data, encoding):
    try:
        inflate(data, encoding, 1000)
    except BadMessageError:
        return


def test_a_bomb_is_stopped_at_the_bound():
    bomb = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    assert outcome_of(inflate, packed, b"deflate", 1000) is Outcome.MESSAGE_TOO_LARGE
