"""Frames and header blocks by hand, legal and illegal, apart from the code under test."""

import random
from collections.abc import Iterable

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9

Frame = tuple[int, int, int, bytes]
"""Type, flags, stream, payload."""
Pair = tuple[bytes, bytes]

_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

REQUEST: tuple[Pair, ...] = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/s/m"),
    (b":authority", b"here"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
)
RESPONSE: tuple[Pair, ...] = ((b":status", b"200"), (b"content-type", b"application/grpc"))
TRAILERS: tuple[Pair, ...] = ((b"grpc-status", b"0"),)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def join(frames: Iterable[Frame]) -> bytes:
    """Return the bytes of these frames."""
    return b"".join(frame(*each) for each in frames)


def split(wire: bytes) -> tuple[list[Frame], bytes]:
    """Return the whole frames at the beginning, and what is left of one that is not whole."""
    frames, at = [], 0
    while at + HEAD <= len(wire):
        stop = at + HEAD + int.from_bytes(wire[at : at + 3], "big")
        if stop > len(wire):
            break
        stream_id = int.from_bytes(wire[at + 5 : at + HEAD], "big")
        frames.append((wire[at + 3], wire[at + 4], stream_id, wire[at + HEAD : stop]))
        at = stop
    return frames, wire[at:]


def word(value: int) -> bytes:
    """Return 32 bits."""
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


def setting(key: int, value: int) -> bytes:
    """Return one setting."""
    return key.to_bytes(2, "big") + word(value)


def integer(value: int, bits: int, pattern: int) -> bytes:
    """Return HPACK's form of an integer behind a pattern (RFC 7541, section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((pattern | value,))
    octets, value = [pattern | most], value - most
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*octets, value))


def string(value: bytes, huffman: bool) -> bytes:
    """Return HPACK's form of a string (section 5.2)."""
    if huffman:
        value = _huffman.encode(value)
    return integer(len(value), 7, 0x80 if huffman else 0) + value


def literal(pair: Pair, form: int, index: int = 0, huffman: bool = False) -> bytes:
    """Return a literal field: with indexing (0), without (1) or never indexed (2), its name by index or in full."""
    pattern, bits = ((0x40, 6), (0x00, 4), (0x10, 4))[form]
    name = b"" if index else string(pair[0], huffman)
    return integer(index, bits, pattern) + name + string(pair[1], huffman)


def indexed(index: int) -> bytes:
    """Return an indexed field."""
    return integer(index, 7, 0x80)


def resize(size: int) -> bytes:
    """Return a table size update."""
    return integer(size, 5, 0x20)


def block(pairs: Iterable[Pair], rng: random.Random | None = None) -> bytes:
    """Return a header block, plain or in forms drawn at random."""
    if rng is None:
        return b"".join(literal(pair, 1) for pair in pairs)
    return b"".join(literal(pair, rng.randrange(3), 0, rng.random() < 0.5) for pair in pairs)
