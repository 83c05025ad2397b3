"""The head of a gRPC request: what its header block says, derived once per distinct block."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote

from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import Fields, encode, encode_field

RESERVED = b"x-fourplane-"
"""Metadata under this prefix is the worker's own: from callers it is stripped."""
_KEPT_BACK = frozenset(
    {
        b"te",
        b"content-type",
        b"content-length",
        b"user-agent",
        b"host",
        b"authorization",
        b"proxy-authorization",
        b"cookie",
    }
)
"""Hop-by-hop fields, and credentials: those are meant for this worker, not for an engine."""
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNIT_MS = {b"H": 3_600_000.0, b"M": 60_000.0, b"S": 1000.0, b"m": 1.0, b"u": 1e-3, b"n": 1e-6}
"""Milliseconds per unit of grpc-timeout (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)."""
_PRINTABLE = re.compile(rb"[\x20-\x7e]*")
_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
IDENTITY, GZIP, DEFLATE = b"identity", b"gzip", b"deflate"


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """One request's head."""

    path: bytes
    timeout_ms: float | None
    """The caller's deadline from now, in milliseconds; None: it named none."""
    encoding: bytes
    """How messages with the compression flag are compressed."""
    metadata: tuple[tuple[bytes, bytes], ...]
    """The caller's own metadata: what an engine may see."""
    block: bytes
    """That metadata, encoded; without traceparent."""
    trace: bytes
    """The caller's traceparent, encoded; empty where it sent none."""
    traceparent: tuple[bytes, bytes, bool] | None
    """Trace id, parent span id, and whether the caller samples; None where there is none or it is malformed."""
    refusal: Refusal | None
    """Why the request can't be served, whatever it asks for."""
    not_grpc: int = 0
    """The HTTP status for a request that isn't gRPC at all; 0 where it is."""

    def value(self, key: str) -> bytes | None:
        """Return one metadata value, the first of its key."""
        wanted = key.encode()
        return next((value for name, value in self.metadata if name == wanted), None)


def head_of(fields: Fields) -> Head:
    """Return the head that a block says, from the block's memo where it was seen before."""
    memo = fields.memo
    if memo is None:
        memo = fields.memo = _parse(fields.pairs)
    assert isinstance(memo, Head)
    return memo


def _parse(pairs: tuple[tuple[bytes, bytes], ...]) -> Head:
    known = dict(reversed(pairs))
    path = known.get(b":path", b"")
    metadata = tuple(
        (name, value)
        for name, value in pairs
        if name[0] != 0x3A and not name.startswith((b"grpc-", RESERVED)) and name not in _KEPT_BACK
    )
    timeout_ms, refusal = _timeout(known.get(b"grpc-timeout"))
    encoding = known.get(b"grpc-encoding", IDENTITY)
    if encoding not in (IDENTITY, GZIP, DEFLATE):
        shown = encoding[:32].decode("ascii", "replace")
        refusal = Refusal(
            Outcome.ENCODING_UNSUPPORTED, f"grpc-encoding {shown!r} is not served; use identity, gzip or deflate"
        )
    refusal = _metadata_problem(metadata) or refusal
    return Head(
        path=path,
        timeout_ms=timeout_ms,
        encoding=encoding,
        metadata=metadata,
        block=encode(pair for pair in metadata if pair[0] != b"traceparent") if refusal is None else b"",
        trace=encode(pair for pair in metadata if pair[0] == b"traceparent") if refusal is None else b"",
        traceparent=_traceparent(known.get(b"traceparent", b"")),
        refusal=refusal,
        not_grpc=_http_status(known),
    )


def _http_status(known: dict[bytes, bytes]) -> int:
    content = known.get(b"content-type", b"")
    if known.get(b":method") != b"POST":
        return 405
    return (
        0 if content == b"application/grpc" or content.startswith((b"application/grpc+", b"application/grpc;")) else 415
    )


def _timeout(value: bytes | None) -> tuple[float | None, Refusal | None]:
    if value is None:
        return None, None
    match = _TIMEOUT.fullmatch(value)
    if match is None:
        return None, Refusal(
            Outcome.DEADLINE_MALFORMED,
            "grpc-timeout must be 1 to 8 digits and one of the units H, M, S, m, u, n; it can't be negative",
        )
    return int(match[1]) * _UNIT_MS[match[2]], None


def _traceparent(value: bytes) -> tuple[bytes, bytes, bool] | None:
    """Read a W3C traceparent; a malformed one starts no trace and is no error (Trace Context, section 4.3)."""
    match = _TRACEPARENT.fullmatch(value)
    if match is None or match[1] == b"0" * 32 or match[2] == b"0" * 16:
        return None
    return match[1], match[2], bool(int(match[3], 16) & 1)


def _metadata_problem(metadata: tuple[tuple[bytes, bytes], ...]) -> Refusal | None:
    for name, value in metadata:
        shown = quote(name.decode("ascii", "replace"), safe="-_.")[:64]
        if name.endswith(b"-bin"):
            if not all(_is_base64(part) for part in value.split(b",")):
                return Refusal(
                    Outcome.METADATA_MALFORMED, f"metadata {shown} must be base64, since its key ends in -bin"
                )
        elif _PRINTABLE.fullmatch(value) is None:
            return Refusal(
                Outcome.METADATA_MALFORMED, f"metadata {shown} must be printable ASCII; use a key that ends in -bin"
            )
    return None


def _is_base64(value: bytes) -> bool:
    value = value.strip()
    try:
        base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False
    return True


_timeouts: dict[int, bytes] = {}
_MANY_TIMEOUTS = 4096
_MAX_TIMEOUT_MS = 99_999_999


def timeout_field(milliseconds: float) -> bytes:
    """Return the encoded grpc-timeout for what is left of a deadline, rounded up to a millisecond."""
    whole = min(max(int(milliseconds + 0.999), 1), _MAX_TIMEOUT_MS)
    field = _timeouts.get(whole)
    if field is None:
        if len(_timeouts) >= _MANY_TIMEOUTS:
            _timeouts.clear()
        field = _timeouts[whole] = encode_field(b"grpc-timeout", b"%dm" % whole)
    return field
