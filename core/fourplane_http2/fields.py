"""Decoded header blocks and what makes one malformed (RFC 9113, section 8)."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from .hpack.decoder import Check

Pair = tuple[bytes, bytes]
Flaw = Callable[[list[Pair], int], str | None]
"""Says what is wrong with a block of some kind, given its fields and their marks added up."""


class Fields:
    """A decoded header block; equal blocks of a stateless connection share one object."""

    __slots__ = ("length", "memo", "pairs")

    def __init__(self, pairs: tuple[Pair, ...], length: int = -1) -> None:
        self.pairs = pairs
        """The fields in order, names in lower case, pseudo-headers first."""
        self.memo: object | None = None
        """What the consumer derived from these fields, to be derived once."""
        self.length = length
        """The content-length, or -1."""

    def __repr__(self) -> str:
        return f"Fields({self.pairs!r})"


_BITS: Final = 16
"""Bits for each counter within a sum of marks; a list has fewer than 2**16 fields."""
METHOD, CONNECT, SCHEME, PATH, AUTHORITY, STATUS, LENGTH, MALFORMED = (1 << _BITS * place for place in range(8))
_PSEUDO_BITS: Final = LENGTH - 1
_COLON: Final = ord(":")

_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")


def _clean(value: bytes) -> int:
    return MALFORMED if b"\0" in value or b"\n" in value or b"\r" in value else 0


def _clean_and_bare(value: bytes) -> int:
    return MALFORMED if value.strip(b" \t") != value else _clean(value)


def _method(value: bytes) -> int:
    """Tell CONNECT apart, which has other pseudo-headers beside it (section 8.5)."""
    if value == b"CONNECT":
        return CONNECT
    return METHOD if _METHOD.fullmatch(value) else METHOD | MALFORMED


def _malformed(value: bytes) -> int:
    return MALFORMED


def _matching(mark: int, pattern: bytes) -> Check:
    """Return the check of a name that adds to a counter and whose value must be like this."""
    matches = re.compile(pattern).fullmatch
    return lambda value: mark if matches(value) else mark | MALFORMED


_BARE, _BARE_END = rb"(?![ \t])[^\x00\r\n]", rb"(?<![ \t])"
"""The pattern of a value without white space around it (section 8.2.1)."""

_CHECKS: Final[Mapping[bytes, Check]] = {
    b":method": _method,
    b":scheme": _matching(SCHEME, _BARE + rb"+" + _BARE_END),
    b":path": _matching(PATH, _BARE + rb"+" + _BARE_END),
    b":authority": _matching(AUTHORITY, _BARE + rb"*" + _BARE_END),
    b":status": _matching(STATUS, rb"[1-9][0-9][0-9]"),
    b"content-length": _matching(LENGTH, rb"[0-9]{1,18}"),
    b"te": _matching(0, rb"(?i:trailers)"),  # section 8.2.2, like the next ones
    b"connection": _malformed,
    b"keep-alive": _malformed,
    b"proxy-connection": _malformed,
    b"transfer-encoding": _malformed,
    b"upgrade": _malformed,
}


def judge(name: bytes) -> Check:
    """Return what marks this name's values: which counter a field adds to, and whether it is malformed (section 8.2).

    Names are judged apart from values because they come again where values do not.
    """
    return _judge(name, _clean_and_bare)


def judge_answer(name: bytes) -> Check:
    """Do the same for what engines send, and let white space around a value pass.

    gRPC leaves the blanks of a grpc-message as they are, and a call must not lose its status to one.
    """
    return _judge(name, _clean)


def _judge(name: bytes, usual: Check) -> Check:
    check = _CHECKS.get(name)
    if check is not None:
        return check
    return usual if _NAME.fullmatch(name) else _malformed


_REQUESTS: Final = frozenset(
    {METHOD + SCHEME + PATH, METHOD + SCHEME + PATH + AUTHORITY, CONNECT + AUTHORITY}  # section 8.5
)


def request_flaw(pairs: list[Pair], marks: int) -> str | None:
    """Say what is wrong with a request's head (section 8.3.1)."""
    if marks & _PSEUDO_BITS not in _REQUESTS:
        return "a request needs one :method, :scheme and :path, at most one :authority and no other pseudo-header"
    return _common_flaw(pairs, marks)


def response_flaw(pairs: list[Pair], marks: int) -> str | None:
    """Say what is wrong with a response's head (section 8.3.2)."""
    if marks & _PSEUDO_BITS != STATUS:
        return "a response needs one :status and no other pseudo-header"
    return _common_flaw(pairs, marks)


def trailers_flaw(pairs: list[Pair], marks: int) -> str | None:
    """Say what is wrong with trailers (section 8.1)."""
    if marks & _PSEUDO_BITS:
        return "trailers have no pseudo-headers"
    return _common_flaw(pairs, marks)


def content_length(pairs: list[Pair], marks: int) -> int:
    """Return the content-length of a block without flaws, or -1."""
    if not marks & LENGTH:
        return -1
    return int(next(value for name, value in pairs if name == b"content-length"))


def _common_flaw(pairs: list[Pair], marks: int) -> str | None:
    if marks >= MALFORMED:
        return "a field's name or value is malformed or not allowed in HTTP/2"
    if marks >= LENGTH << 1:
        return "more than one content-length"
    for name, _ in pairs[: _count(marks & _PSEUDO_BITS)]:
        if name[0] != _COLON:
            return "a pseudo-header stands behind a field"
    return None


def _count(pseudo: int) -> int:
    """Return how many pseudo-headers there are, each occurring once."""
    return pseudo.bit_count()
