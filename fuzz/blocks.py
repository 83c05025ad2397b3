"""The second fuzzer: header blocks of one connection, decoded here and by the hpack library."""

import hpack
from hpack.exceptions import HPACKError

from fourplane_http2 import HpackDecoder, HpackError
from fuzz.mutate import split_blocks

_ALLOWED = (4096, 0, 100, 70_000)
_NO_BOUND = 1 << 40
Pair = tuple[bytes, bytes]


class Library(hpack.Decoder):
    """The library without one rule, which both may break and must be able to.

    An encoder that sends no table size update after a smaller table was announced (RFC 7541, section 4.2) is let go
    on: grpc-java's OkHttp is one.
    """

    def _assert_valid_table_size(self) -> None:
        pass


def check(data: bytes) -> None:
    """Raise if the two decoders disagree on a block, or a block that says it is stateless is not."""
    data = data.ljust(2, b"\0")
    allowed, acknowledged_at = _ALLOWED[data[0] & 3], data[1] % 5
    ours, theirs = HpackDecoder(allowed=allowed), Library(_NO_BOUND)
    theirs.max_allowed_table_size = max(allowed, 4096)
    for place, block in enumerate(split_blocks(data[2:])):
        if place == acknowledged_at:
            ours.allow(allowed)
            theirs.max_allowed_table_size = allowed
        before = _table(ours)
        mine, other = _ours(ours, block), _theirs(theirs, block)
        assert mine == other, f"block {place}: {mine} here, {other} there"
        if mine is None:
            return
        assert _table(ours) == [tuple(pair) for pair in theirs.header_table.dynamic_entries]
        assert ours.table_size == theirs.header_table_size
        _check_repeats(ours, block, mine, before)


def _ours(decoder: HpackDecoder, block: bytes) -> list[Pair] | None:
    try:
        pairs, _, weight = decoder.decode(block)
    except HpackError:
        return None
    assert weight == sum(len(name) + len(value) + 32 for name, value in pairs)
    return pairs


def _theirs(decoder: hpack.Decoder, block: bytes) -> list[Pair] | None:
    try:
        return [(bytes(pair[0]), bytes(pair[1])) for pair in decoder.decode(block, raw=True)]
    except (HPACKError, IndexError):
        return None


def _check_repeats(decoder: HpackDecoder, block: bytes, pairs: list[Pair], before: list[Pair]) -> None:
    """A block called stateless changes nothing, and means the same to a decoder that knows nothing."""
    if not decoder.stateless:
        return
    assert _table(decoder) == before
    fresh = HpackDecoder(allowed=1 << 31)
    fresh.table_size = decoder.table_size
    assert fresh.decode(block)[0] == pairs


def _table(decoder: HpackDecoder) -> list[Pair]:
    assert decoder._table_bytes <= decoder.table_size  # noqa: SLF001 -- nobody else may see it
    return [entry[0] for entry in decoder._table]  # noqa: SLF001
