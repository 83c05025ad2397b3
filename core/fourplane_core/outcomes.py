"""How a request can end: one closed list for errors, metrics, traces and trailers."""

from dataclasses import dataclass
from enum import StrEnum, unique

DOMAIN = "fourplane.dev"
"""The domain of every `google.rpc.ErrorInfo` that a worker sends."""


@unique
class Outcome(StrEnum):
    """The end of a request; except for OK, CANCELLED and ENGINE_ERROR each is a rejection by the worker."""

    OK = "OK"
    CANCELLED = "CANCELLED"
    ENGINE_ERROR = "ENGINE_ERROR"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    MODEL_NAME_MISSING = "MODEL_NAME_MISSING"
    CALLER_UNAUTHENTICATED = "CALLER_UNAUTHENTICATED"
    MESSAGE_MALFORMED = "MESSAGE_MALFORMED"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
    METADATA_MALFORMED = "METADATA_MALFORMED"
    METADATA_TOO_LARGE = "METADATA_TOO_LARGE"
    ENCODING_UNSUPPORTED = "ENCODING_UNSUPPORTED"
    DEADLINE_MALFORMED = "DEADLINE_MALFORMED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    METHOD_NOT_SERVED = "METHOD_NOT_SERVED"
    ADMINISTRATION_REFUSED = "ADMINISTRATION_REFUSED"
    BACKEND_UNRESOLVED = "BACKEND_UNRESOLVED"
    POOL_UNAVAILABLE = "POOL_UNAVAILABLE"
    ENGINE_REFUSED = "ENGINE_REFUSED"
    ENGINE_LOST = "ENGINE_LOST"
    STREAM_INTERRUPTED = "STREAM_INTERRUPTED"
    SNAPSHOT_MISSING = "SNAPSHOT_MISSING"
    WORKER_DRAINING = "WORKER_DRAINING"
    WORKER_OVERLOADED = "WORKER_OVERLOADED"
    WORKER_ERROR = "WORKER_ERROR"


class Code:
    """gRPC status codes (https://grpc.io/docs/guides/status-codes), as the wire has them."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class Ending:
    """What a caller is told when a request ends this way."""

    code: int
    """gRPC status; UNKNOWN (2) stands for 'the engine's own'."""
    retry_after_ms: int | None = None
    """Milliseconds for `google.rpc.RetryInfo`; None where a retry can't help or may repeat what has happened."""


ENDINGS: dict[Outcome, Ending] = {
    Outcome.OK: Ending(Code.OK),
    Outcome.CANCELLED: Ending(Code.CANCELLED),
    Outcome.ENGINE_ERROR: Ending(2),
    Outcome.MODEL_NOT_FOUND: Ending(Code.NOT_FOUND),
    Outcome.MODEL_NAME_MISSING: Ending(Code.INVALID_ARGUMENT),
    Outcome.CALLER_UNAUTHENTICATED: Ending(Code.UNAUTHENTICATED),
    Outcome.MESSAGE_MALFORMED: Ending(Code.INVALID_ARGUMENT),
    Outcome.MESSAGE_TOO_LARGE: Ending(Code.RESOURCE_EXHAUSTED),
    Outcome.RESPONSE_TOO_LARGE: Ending(Code.RESOURCE_EXHAUSTED),
    Outcome.METADATA_MALFORMED: Ending(Code.INVALID_ARGUMENT),
    Outcome.METADATA_TOO_LARGE: Ending(Code.RESOURCE_EXHAUSTED),
    Outcome.ENCODING_UNSUPPORTED: Ending(Code.UNIMPLEMENTED),
    Outcome.DEADLINE_MALFORMED: Ending(Code.INVALID_ARGUMENT),
    Outcome.DEADLINE_EXCEEDED: Ending(Code.DEADLINE_EXCEEDED),
    Outcome.METHOD_NOT_SERVED: Ending(Code.UNIMPLEMENTED),
    Outcome.ADMINISTRATION_REFUSED: Ending(Code.PERMISSION_DENIED),
    Outcome.BACKEND_UNRESOLVED: Ending(Code.UNAVAILABLE),
    Outcome.POOL_UNAVAILABLE: Ending(Code.UNAVAILABLE, retry_after_ms=1000),
    Outcome.ENGINE_REFUSED: Ending(Code.UNAVAILABLE, retry_after_ms=100),
    Outcome.ENGINE_LOST: Ending(Code.UNAVAILABLE),
    Outcome.STREAM_INTERRUPTED: Ending(Code.ABORTED),
    Outcome.SNAPSHOT_MISSING: Ending(Code.UNAVAILABLE, retry_after_ms=1000),
    Outcome.WORKER_DRAINING: Ending(Code.UNAVAILABLE, retry_after_ms=100),
    Outcome.WORKER_OVERLOADED: Ending(Code.UNAVAILABLE, retry_after_ms=1000),
    Outcome.WORKER_ERROR: Ending(Code.INTERNAL),
}
"""One row per outcome; a test keeps it complete."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is answered without an engine, and what its caller is told."""

    outcome: Outcome
    message: str
    """One sentence: what is wrong, where, and what to do. Never payload or metadata values."""
