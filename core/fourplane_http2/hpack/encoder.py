"""Stateless HPACK encoding: no dynamic table, so any block may be kept, joined to others and sent to anyone."""

from collections.abc import Iterable
from typing import Final

from .integers import encode_integer
from .tables import STATIC

_FIELDS: Final = {field: index for index, field in reversed(list(enumerate(STATIC, 1)))}
_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC, 1)))}
_NEVER_INDEXED: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"})
"""Secrets: whoever passes them on must not put them in a table either (RFC 7541, section 7.1.3)."""

SIZE_UPDATE_ZERO: Final = b"\x20"
"""Tells the peer that our encoder uses no dynamic table (RFC 7541, section 6.3)."""


def encode_field(name: bytes, value: bytes) -> bytes:
    """Return one field: an index if the static table has it, else a literal without indexing, never Huffman-coded."""
    index = _FIELDS.get((name, value))
    if index is not None:
        return bytes((0x80 | index,))
    pattern = 0x10 if name in _NEVER_INDEXED else 0x00
    index = _NAMES.get(name)
    if index is not None:
        start = encode_integer(index, 0x0F, pattern)
    else:
        start = bytes((pattern,)) + encode_integer(len(name), 0x7F, 0x00) + name
    return start + encode_integer(len(value), 0x7F, 0x00) + value


def encode(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a header block, or a piece of one: pieces put together are a block."""
    return b"".join([encode_field(name, value) for name, value in pairs])
