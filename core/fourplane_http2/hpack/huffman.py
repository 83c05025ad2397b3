"""Huffman decoding by a table of whole octets (RFC 7541, section 5.2)."""

from typing import Any

from fourplane_http2.errors import HpackError

from .tables import HUFFMAN_CODES, HUFFMAN_LENGTHS

_EOS = 256
_VALID_END = 256
"""The place in a row, behind its 256 octets, that says whether a string may end there."""
_MOST_PADDING = 7

Row = list[Any]
"""For each next octet (the symbols it completes, the row to go on in); a row is a node of the code's tree."""


def _tree() -> list[list[int]]:
    """Return the code as nodes of two branches: above zero another node, below it the symbol's complement."""
    nodes = [[0, 0]]
    for symbol, (code, length) in enumerate(zip(HUFFMAN_CODES, HUFFMAN_LENGTHS, strict=True)):
        node = 0
        for place in range(length - 1, 0, -1):
            bit = code >> place & 1
            if not nodes[node][bit]:
                nodes[node][bit] = len(nodes)
                nodes.append([0, 0])
            node = nodes[node][bit]
        nodes[node][code & 1] = ~symbol
    return nodes


def _step(nodes: list[list[int]], node: int, bits: int, count: int) -> tuple[bytes, int]:
    """Walk `count` bits from a node; return the symbols completed and the node reached, -1 after EOS."""
    symbols = bytearray()
    for place in range(count - 1, -1, -1):
        node = nodes[node][bits >> place & 1]
        if node < 0:
            if node == ~_EOS:
                return b"", -1
            symbols.append(~node)
            node = 0
    return bytes(symbols), node


def _rows() -> Row:
    """Build every node's row out of steps of four bits, and return the root's."""
    nodes = _tree()
    halves = [[_step(nodes, node, bits, 4) for bits in range(16)] for node in range(len(nodes))]
    rows: list[Row] = [[] for _ in nodes]
    failed: Row = []
    failed.extend([(b"", failed)] * 256)
    failed.append(False)
    for row, firsts in zip(rows, halves, strict=True):
        for first, middle in firsts:
            for second, last in halves[middle] if middle >= 0 else [(b"", -1)] * 16:
                row.append((first + second, rows[last] if last >= 0 else failed))
        row.append(False)
    node = 0
    for _ in range(_MOST_PADDING + 1):
        rows[node][_VALID_END] = True
        node = nodes[node][1]
    return rows[0]


_ROOT = _rows()


def decode_huffman(data: bytes) -> bytes:
    """Return the decoded string; its padding must be at most 7 bits of the EOS code, and EOS must not occur."""
    row = _ROOT
    pieces: list[bytes] = []
    add = pieces.append
    for octet in data:
        piece, row = row[octet]
        add(piece)
    if not row[_VALID_END]:
        raise HpackError("a Huffman-coded string has bad padding or EOS in it")
    return b"".join(pieces)
