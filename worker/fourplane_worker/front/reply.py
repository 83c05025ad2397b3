"""What a worker says itself: response heads, statuses and trailers, as encoded header blocks."""

import base64
from collections.abc import Mapping

from fourplane_core.outcomes import ENDINGS, Outcome, Refusal
from fourplane_http2 import Fields, encode, encode_field
from fourplane_wire.status import status_bytes

RESPONSE_HEAD = encode(((b":status", b"200"), (b"content-type", b"application/grpc")))
_PLAIN = frozenset(range(0x20, 0x7F)) - {0x25}
_PASSED_NOT = frozenset(
    {b"content-type", b"content-length", b"grpc-encoding", b"grpc-accept-encoding", b"server", b"date"}
)
_STATUS_KEYS = frozenset({b"grpc-status", b"grpc-message", b"grpc-status-details-bin"})
_MAX_MESSAGE_BYTES = 1024


def percent_encode(message: str) -> bytes:
    """Encode a status message as grpc-message wants it (gRPC over HTTP/2, "Responses")."""
    return b"".join(bytes((byte,)) if byte in _PLAIN else b"%%%02X" % byte for byte in message.encode())


def shortened(message: str) -> str:
    """Cut a message to 1 KiB: it is sent twice, and clients take no more than 8 KiB of trailers."""
    raw = message.encode()
    return message if len(raw) <= _MAX_MESSAGE_BYTES else raw[:_MAX_MESSAGE_BYTES].decode("utf-8", "ignore") + "..."


def status_block(
    outcome: Outcome, message: str, code: int | None = None, about: Mapping[str, str] | None = None
) -> bytes:
    """Return the status fields for an outcome: grpc-status, grpc-message and the typed details."""
    ending = ENDINGS[outcome]
    code = ending.code if code is None else code
    if code == 0:
        return OK_STATUS
    message = shortened(message)
    details = status_bytes(outcome, message, about or {}, code=code)
    return encode(
        (
            (b"grpc-status", b"%d" % code),
            (b"grpc-message", percent_encode(message)),
            (b"grpc-status-details-bin", base64.b64encode(details).rstrip(b"=")),
        )
    )


OK_STATUS = encode_field(b"grpc-status", b"0")
OUTCOME_FIELDS = {outcome: encode_field(b"x-fourplane-outcome", outcome.encode()) for outcome in Outcome}


def refusal_block(refusal: Refusal, about: Mapping[str, str] | None = None) -> bytes:
    """Return the status fields for a refusal."""
    return status_block(refusal.outcome, refusal.message, about=about) + OUTCOME_FIELDS[refusal.outcome]


class EngineHead:
    """An engine's response head or trailers, ready to be passed on."""

    __slots__ = ("block", "details", "message", "outcome", "status")

    def __init__(self, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
        """Read what matters and encode the rest."""
        known = dict(reversed(pairs))
        code = known.get(b"grpc-status", b"")
        self.status: int | None = int(code) if code.isdigit() and len(code) <= 3 else None
        self.message = known.get(b"grpc-message", b"")
        outcome = known.get(b"x-fourplane-outcome", b"").decode("ascii", "replace")
        self.outcome = Outcome.__members__.get(outcome)
        self.details = known.get(b"grpc-status-details-bin", b"")
        self.block = encode(
            (name, value)
            for name, value in pairs
            if name[0] != 0x3A
            and name not in _PASSED_NOT
            and name not in _STATUS_KEYS
            and not name.startswith(b"x-fourplane-")
        )


def engine_head(fields: Fields) -> EngineHead:
    """Return what an engine's header block says, from its memo where it was seen before."""
    memo = fields.memo
    if memo is None:
        memo = fields.memo = EngineHead(fields.pairs)
    assert isinstance(memo, EngineHead)
    return memo


def not_grpc_block(status: int) -> bytes:
    """Return the head of the answer to a request that isn't gRPC."""
    extra = ((b"allow", b"POST"),) if status == 405 else ()
    return encode(((b":status", b"%d" % status), (b"content-type", b"text/plain"), *extra))


NOT_GRPC_TEXT = b"This address serves gRPC: use a gRPC client, for example grpcurl -plaintext HOST:PORT list\n"
