"""HPACK against the hpack library, and the errors of RFC 7541."""

import contextlib

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_http2 import HpackDecoder, HpackError, encode, encode_field
from fourplane_http2.hpack.huffman import decode_huffman
from fourplane_http2.hpack.tables import STATIC

names = st.one_of(
    st.sampled_from([name for name, _ in STATIC]),
    st.from_regex(rb"[a-z][a-z0-9_.-]{0,20}", fullmatch=True),
    st.binary(min_size=1, max_size=300),
)
values = st.one_of(
    st.sampled_from([value for _, value in STATIC]),
    st.binary(max_size=300),
    st.from_regex(rb"[!-~]{0,40}", fullmatch=True),
)
lists = st.lists(st.tuples(names, values), max_size=12)
repeating = st.lists(
    st.lists(st.sampled_from([(b"a", b"1"), (b"authorization", b"x" * 90), (b":path", b"/p")]), max_size=6)
)


@settings(deadline=None)
@given(lists)
def test_what_is_encoded_the_hpack_library_decodes(pairs):
    assert [tuple(pair) for pair in hpack.Decoder().decode(encode(pairs), raw=True)] == pairs


@settings(deadline=None)
@given(lists)
def test_what_is_encoded_the_own_decoder_decodes(pairs):
    decoder = HpackDecoder()
    assert decoder.decode(encode(pairs))[0] == pairs
    assert decoder.stateless


@settings(deadline=None)
@given(st.one_of(st.lists(lists, max_size=4), repeating), st.booleans(), st.sampled_from([0, 64, 200, 4096]))
def test_blocks_with_dynamic_tables_and_huffman_codes_decode_as_by_the_library(blocks, huffman, size):
    encoder, decoder, library = hpack.Encoder(), HpackDecoder(), hpack.Decoder()
    for place, pairs in enumerate(blocks):
        if place == 1:
            encoder.header_table_size = size
        block = encoder.encode(pairs, huffman=huffman)
        assert decoder.decode(block)[0] == pairs
        assert [tuple(pair) for pair in library.decode(block, raw=True)] == pairs


alike = st.lists(
    st.tuples(
        st.lists(st.sampled_from([(b":method", b"POST"), (b"a", b"1"), (b"b", b"2" * 70), (b"c", b"3")]), max_size=5),
        st.sampled_from([None, None, 0, 40, 4096]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(alike)
def test_blocks_that_begin_alike_decode_right_whatever_the_table_does_between(steps):
    encoder, decoder = hpack.Encoder(), HpackDecoder()
    for pairs, size, own in steps:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode([] if own else pairs) + (encode(pairs) if own else b"")
        assert decoder.decode(block)[0] == pairs


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_decode_to_fields_or_to_one_error(block):
    with contextlib.suppress(HpackError):
        HpackDecoder().decode(block)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_blocks_that_the_library_refuses_are_refused(block):
    try:
        expected = [tuple(pair) for pair in hpack.Decoder().decode(block, raw=True)]
    except hpack.HPACKError:
        with pytest.raises(HpackError):
            HpackDecoder().decode(block)
        return
    try:
        decoded = HpackDecoder().decode(block)[0]
    except HpackError:
        return  # it takes a size update behind a field, integers without end, and padding that is none
    assert decoded == expected


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_huffman_codes_of_all_octets_decode(data):
    from hpack.huffman import HuffmanEncoder
    from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

    assert decode_huffman(HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(data)) == data


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xbe", id="an index beyond the empty dynamic table"),
        pytest.param(b"\xff\x80\x01", id="an index far beyond it"),
        pytest.param(b"\x7e\x01a", id="a name index beyond it"),
        pytest.param(b"\x3f\xe2\x1f", id="a size update of 4097"),
        pytest.param(b"\x82\x20", id="a size update behind a field"),
        pytest.param(b"\xff\x80\x80\x80\x80\x80\x01", id="an integer of too many octets"),
        pytest.param(b"\xff\xff\xff\xff\xff\x7f", id="an integer above 32 bits"),
        pytest.param(b"\x00\x01a", id="no value"),
        pytest.param(b"\x00\x05a", id="a name cut short"),
        pytest.param(b"\x00\x01a\x05b", id="a value cut short"),
        pytest.param(b"\x00\x01a\x82\x1f\xff", id="padding longer than 7 bits"),
        pytest.param(b"\x00\x01a\x81\x18", id="padding of zeros"),
        pytest.param(b"\x00\x01a\x84\xff\xff\xff\xff", id="EOS"),
        pytest.param(b"\x00\x01a\x85\xff\xff\xff\xff\x1f", id="EOS and more"),
    ],
)
def test_what_breaks_a_rule_of_the_rfc_is_refused(block):
    with pytest.raises(HpackError):
        HpackDecoder().decode(block)


def test_a_size_update_up_to_the_announced_size_is_taken():
    decoder = HpackDecoder(allowed=8192)
    decoder.decode(b"\x3f\xe1\x3f")
    assert decoder.table_size == 8192


def test_once_a_smaller_bound_is_acknowledged_updates_above_it_are_refused_but_the_table_stays():
    encoder, decoder = hpack.Encoder(), HpackDecoder()
    decoder.decode(encoder.encode([(b"x", b"1")]))
    decoder.allow(0)
    block = encoder.encode([(b"x", b"1")])
    assert decoder.decode(block)[0] == [(b"x", b"1")]
    assert not decoder.stateless
    with pytest.raises(HpackError):
        decoder.decode(b"\x21")


def test_a_block_is_stateless_unless_it_touches_the_dynamic_table():
    decoder = HpackDecoder()
    decoder.decode(b"\x00\x01a\x01b")
    assert decoder.stateless
    decoder.decode(b"\x40\x01a\x01b")
    assert not decoder.stateless
    decoder.decode(b"\xbe")
    assert not decoder.stateless
    decoder.decode(b"\x20")
    assert not decoder.stateless
    decoder.decode(b"\x20\x40\x01a\x01b")
    assert decoder.stateless


def test_secrets_are_marked_never_indexed():
    assert encode_field(b"cookie", b"x")[0] & 0xF0 == 0x10
    assert encode_field(b"authorization", b"x")[0] & 0xF0 == 0x10
    assert encode_field(b"x-other", b"x")[0] == 0


def test_a_repeated_field_is_decoded_once():
    decoder = HpackDecoder()
    block = hpack.Encoder().encode([(b"authorization", b"secret" * 50)], huffman=True).replace(b"\x57", b"\x0f\x08", 1)
    first, second, third = (decoder.decode(block)[0][0] for _ in range(3))
    assert first == second == third
    assert second is third


def test_the_cache_of_decoded_fields_stays_within_its_bound():
    decoder = HpackDecoder(cache_bytes=10_000)
    for place in range(500):
        block = encode([(b"name-%d" % place, b"v" * 100)])
        for _ in range(3):
            assert decoder.decode(block)[0] == [(b"name-%d" % place, b"v" * 100)]
    assert len(decoder._fields.young) + len(decoder._fields._old) <= 10_000 // 400


def test_a_string_above_the_bound_makes_the_list_heavier_than_any_bound():
    assert HpackDecoder(max_string=10).decode(encode([(b"a", b"x" * 11)]))[2] > 2**32
