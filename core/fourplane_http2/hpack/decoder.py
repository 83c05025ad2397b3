"""HPACK decoding (RFC 7541), with the fields that come again remembered in decoded form."""

from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Final

from fourplane_http2.cache import Cache
from fourplane_http2.errors import HpackError

from .huffman import decode_huffman
from .integers import read_on
from .tables import STATIC

Pair = tuple[bytes, bytes]
Entry = tuple[Pair, int, int]
"""A field, what the judge says of it, and its size in a header list."""
Check = Callable[[bytes], int]
"""Says of a value a number, once for all comings of the field; those of a block's fields are added up."""
Judge = Callable[[bytes], Check]
"""Says of a name how to judge its values."""

_STATIC_COUNT: Final = len(STATIC)
_ENTRY_OVERHEAD: Final = 32
_DEFAULT_TABLE: Final = 4096
_NO_HEAD: Final = ((), (), 0, 0)
"""Where no block has begun yet; none starts with one of no beginnings."""
_LONG: Final = 64
"""Bytes of an encoded field above which it is taken for a token, which differs between callers."""
_TOO_HEAVY: Final = 1 << 40
"""The size given to a field with a string above the bound: no list has room for it."""


def judge_nothing(name: bytes) -> Check:
    """Say nothing of any field."""
    return lambda _value: 0


@cache
def _static_entries(judge: Judge) -> tuple[tuple[Entry, ...], tuple[tuple[bytes, Check], ...]]:
    """Return the static table, from index 1 on, as fields and as names."""
    names = tuple((name, judge(name)) for name, _ in ((b"", b""), *STATIC))
    fields = tuple(
        (pair, names[index][1](pair[1]), len(pair[0]) + len(pair[1]) + _ENTRY_OVERHEAD)
        for index, pair in enumerate(((b"", b""), *STATIC))
    )
    return fields, names


class HpackDecoder:
    """Decode one connection's header blocks, in the order in which they come."""

    __slots__ = (
        "_allowed", "_fields", "_head", "_judge", "_max_string", "_names", "_static", "_static_names", "_table",
        "_table_bytes", "stateless", "table_size",
    )  # fmt: skip

    def __init__(
        self, judge: Judge = judge_nothing, max_string: int = 1 << 20, cache_bytes: int = 1 << 20, allowed: int = 4096
    ) -> None:
        self._judge = judge
        self._static, self._static_names = _static_entries(judge)
        self._max_string = max_string
        self._fields: Cache[Entry] = Cache(cache_bytes)
        self._names: Cache[tuple[bytes, Check]] = Cache(cache_bytes // 8)
        self._head: tuple[bytes | tuple[()], tuple[Pair, ...], int, int] = _NO_HEAD
        """How a block began up to the first field that did not come again, decoded: most blocks begin alike."""
        self._table: deque[Entry] = deque()
        self._table_bytes = 0
        self.table_size = _DEFAULT_TABLE
        """Bytes that the peer's encoder may use now; it changes this in band."""
        self._allowed = max(allowed, _DEFAULT_TABLE)
        self.stateless = True
        """The last block neither read nor changed the dynamic table: its bytes alone determine it."""

    def allow(self, size: int) -> None:
        """Bound the sizes that the peer may choose from now on: it has acknowledged our SETTINGS.

        The table stays as it is until the peer's own update, since some (grpc-java's OkHttp) send none.
        """
        self._allowed = size
        self._head = _NO_HEAD  # it may begin with an update to what was allowed before

    def decode(self, block: bytes) -> tuple[list[Pair], int, int]:
        """Return the fields, the sum of the judge's numbers and the size of the list; raise HpackError."""
        try:
            return self._decode(block)
        except IndexError:
            raise HpackError("a header block ends within a field") from None

    def _decode(self, block: bytes) -> tuple[list[Pair], int, int]:  # noqa: C901, PLR0912, PLR0915 -- the hot loop
        pairs: list[Pair] = []
        marks = weight = at = 0
        begin, known_pairs, known_marks, known_weight = self._head
        if block.startswith(begin):
            pairs, marks, weight, at = list(known_pairs), known_marks, known_weight, len(begin)
        learnt = at
        add = pairs.append
        known = self._fields.young
        static = self._static
        self.stateless = True
        size = len(block)
        while at < size:
            start = at
            first = block[at]
            at += 1
            if first & 0x80:  # section 6.1: an indexed field
                index = first & 0x7F
                if 0 < index <= _STATIC_COUNT:
                    entry = static[index]
                else:
                    if index == 0x7F:
                        index, at = read_on(block, at, index)
                    entry = self._indexed(index)
            elif first & 0xE0 == 0x20:  # section 6.3: a size update, only before the first field
                if pairs:
                    raise HpackError("a table size update stands behind a field")
                at = self._resize(block, at, first & 0x1F)
                continue
            else:  # section 6.2: a literal, with indexing or without
                prefix = 0x3F if first & 0x40 else 0x0F
                index = first & prefix
                if index == prefix:
                    index, at = read_on(block, at, prefix)
                if not index:
                    length = block[at] & 0x7F
                    at += 1
                    if length == 0x7F:
                        length, at = read_on(block, at, length)
                    at += length
                name_end = at
                length = block[at] & 0x7F
                at += 1
                if length == 0x7F:
                    length, at = read_on(block, at, length)
                value_start = at
                at += length
                if at > size:
                    raise HpackError("a header block ends within a string")
                key = block[start:at]
                found = known.get(key) if index <= _STATIC_COUNT else None
                if learnt >= 0 and (found is None or at - start > _LONG):
                    if self.stateless and start > learnt:
                        self._head = (block[:start], tuple(pairs), marks, weight)
                    learnt = -1
                entry = found or self._literal(key, index, name_end - start, value_start - start)
                if first & 0x40:
                    self._insert(entry)
            pair, mark, entry_weight = entry
            add(pair)
            marks += mark
            weight += entry_weight
        return pairs, marks, weight

    def _indexed(self, index: int) -> Entry:
        self.stateless = False
        place = index - _STATIC_COUNT - 1
        if not 0 <= place < len(self._table):
            raise HpackError("an index is out of range")
        return self._table[place]

    def _literal(self, key: bytes, index: int, name_end: int, value_start: int) -> Entry:
        """Decode a literal that is not at hand, and remember it unless the dynamic table gave its name."""
        in_table = index > _STATIC_COUNT
        if in_table:
            name = self._indexed(index)[0][0]
            check = self._judge(name)
        else:
            known = self._fields.recall(key)
            if known is not None:
                return known
            name, check = self._static_names[index] if index else self._name(key[1:name_end])
        value = key[value_start:]
        if key[name_end] & 0x80:
            value = decode_huffman(value)
        size = len(name) + len(value) + _ENTRY_OVERHEAD
        if size > self._max_string and (len(value) > self._max_string or len(name) > self._max_string):
            size = _TOO_HEAVY
        entry = ((name, value), check(value), size)
        if not in_table:
            self._fields.offer(key, entry, size)
        return entry

    def _name(self, raw: bytes) -> tuple[bytes, Check]:
        """Decode a name from its encoded string, length included, and say how to judge its values."""
        found = self._names.young.get(raw) or self._names.recall(raw)
        if found is None:
            length, at = raw[0] & 0x7F, 1
            if length == 0x7F:
                length, at = read_on(raw, at, length)
            name = raw[at:]
            if raw[0] & 0x80:
                name = decode_huffman(name)
            found = name, self._judge(name)
            self._names.offer(raw, found, len(name))
        return found

    def _insert(self, entry: Entry) -> None:
        """Put a field in the dynamic table (RFC 7541, section 4.4); one larger than the table empties it."""
        if not self.table_size:
            return
        self.stateless = False
        self._table.appendleft(entry)
        self._table_bytes += _size(entry)
        self._evict()

    def _evict(self) -> None:
        while self._table_bytes > self.table_size:
            self._table_bytes -= _size(self._table.pop())

    def _resize(self, block: bytes, at: int, size: int) -> int:
        if size == 0x1F:
            size, at = read_on(block, at, size)
        if size > self._allowed:
            raise HpackError("a table size update is above what was allowed")
        if size != self.table_size:
            self.stateless = False
            self.table_size = size
            self._head = _NO_HEAD
            self._evict()
        return at


def _size(entry: Entry) -> int:
    return len(entry[0][0]) + len(entry[0][1]) + _ENTRY_OVERHEAD
