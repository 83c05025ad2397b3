"""Bytes that are, nearly are, or are not at all messages of the Open Inference Protocol."""

from itertools import pairwise

from hypothesis import strategies as st

from fourplane_wire.oip import RequestScan, varint

names = st.one_of(
    st.sampled_from(["", "echo", "simple\0x", "модель", "a/b", "x" * 127, "x" * 128, "x" * 300]), st.text(max_size=40)
)


def field(number, value):
    """Return a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def overlong(value, extra):
    """Return a varint with needless continuation bytes, which parsers take."""
    raw = bytearray(varint(value))
    if extra:
        raw[-1] |= 0x80
        raw += b"\x80" * (extra - 1) + b"\0"
    return bytes(raw)


@st.composite
def loose_fields(draw):
    """Return one field of any kind, with lengths that may be written or be plainly wrong."""
    number = draw(st.one_of(st.integers(0, 9), st.sampled_from([15, 16, 2047, (1 << 29) - 1, 1 << 29, (1 << 32) + 1])))
    kind = draw(st.sampled_from([0, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7]))
    tag = overlong(number << 3 | kind, draw(st.sampled_from([0, 0, 0, 1, 3])))
    if kind == 0:
        return tag + overlong(draw(st.integers(0, (1 << 64) - 1)), draw(st.sampled_from([0, 1])))
    if kind in (1, 5):
        return tag + draw(st.binary(min_size=8 if kind == 1 else 4, max_size=8 if kind == 1 else 4))
    if kind == 2:
        value = draw(st.one_of(st.binary(max_size=20), names.map(str.encode), st.binary(min_size=120, max_size=140)))
        claimed = len(value) + draw(st.sampled_from([0, 0, 0, 0, 0, 1, 200, 1 << 31, 1 << 62]))
        return tag + overlong(claimed, draw(st.sampled_from([0, 0, 1, 4]))) + value
    return tag


soup = st.builds(
    lambda parts, cut: b"".join(parts)[: -cut or None],
    st.lists(loose_fields(), max_size=8),
    st.sampled_from([0, 0, 0, 1, 2, 5]),
)
"""Top-level fields in any order, good and bad, perhaps cut off."""
anything = st.one_of(soup, st.binary(max_size=60))


@st.composite
def honest(draw):
    """Return the fields of a request as any correct encoder may order and repeat them."""
    key = draw(st.sampled_from(["sequence_id", "priority", "x" * 200]))
    inner = draw(st.sampled_from([b"\x10\x05", b"\x1a\x03abc", b"\x08\x01", b""]))
    parts = [
        field(1, draw(names).encode()),
        *draw(st.lists(st.builds(field, st.sampled_from([1, 2, 3]), names.map(str.encode)), max_size=4)),
        *draw(st.lists(st.just(field(4, field(1, key.encode()) + field(2, inner))), max_size=2)),
        *draw(st.lists(st.builds(field, st.sampled_from([7, 8, 100]), st.binary(max_size=200)), max_size=3)),
        *draw(
            st.lists(
                st.sampled_from([field(5, b"\n\x01A\x1a\x02\x01\x04"), field(5, b"\n\x01B\x18\x01\x18\x04")]),
                max_size=2,
            )
        ),
        *draw(st.lists(st.sampled_from([b"\x48\x96\x01", b"\x4d\1\2\3\4", b"\x51\1\2\3\4\5\6\7\x08"]), max_size=2)),
    ]
    return b"".join(draw(st.permutations(parts)))


def cut(data, places):
    """Return the data in pieces."""
    edges = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:stop] for start, stop in pairwise(edges)]


def scanned(pieces):
    """Return a scan that was fed the pieces."""
    scan = RequestScan()
    for piece in pieces:
        scan.feed(piece, 0, len(piece))
    return scan


def facts(scan):
    """Return everything that a scan tells."""
    told = ("model", "version", "id", "sequence", "sequence_start", "sequence_end", "aligned")
    return {name: getattr(scan, name) for name in told}
