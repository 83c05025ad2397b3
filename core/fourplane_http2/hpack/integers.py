"""HPACK's integers (RFC 7541, section 5.1)."""

from typing import Final

from fourplane_http2.errors import HpackError

_MOST_SHIFT: Final = 28
"""Five continuation octets hold any 32-bit number; more are an attack or a mistake."""


def encode_integer(value: int, prefix: int, pattern: int) -> bytes:
    """Return the integer; `prefix` is the mask of its first octet's bits, `pattern` what stands above them."""
    if value < prefix:
        return bytes((pattern | value,))
    octets = [pattern | prefix]
    value -= prefix
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def read_on(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """Read the continuation octets of an integer whose prefix is full; return it and where the next thing starts.

    Raise IndexError where the block ends too early, as every reader of a block does.
    """
    value, shift = prefix, 0
    while True:
        octet = block[at]
        at += 1
        value += (octet & 0x7F) << shift
        if octet < 0x80:
            break
        shift += 7
        if shift > _MOST_SHIFT:
            raise HpackError("an integer is too long")
    if value >= 1 << 32:
        raise HpackError("an integer is too large")
    return value, at
