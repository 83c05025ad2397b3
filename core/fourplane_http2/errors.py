"""Error codes and the errors of this package."""

from dataclasses import dataclass
from enum import IntEnum


class ErrorCode(IntEnum):
    """Name the error codes of RFC 9113, section 7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """Say why a connection ended; the same went to the peer in GOAWAY."""

    code: ErrorCode
    reason: str


class Http2Error(Exception):
    """The root of this package's errors."""


class CannotOpenError(Http2Error):
    """No stream can be opened on this connection now; look at `can_open` first."""


class MisuseError(Http2Error):
    """The owner sent what its side of the stream no longer permits."""


class HpackError(Http2Error):
    """A header block breaks RFC 7541."""


class ConnectionBrokenError(Http2Error):
    """The peer broke a rule whose breach ends the connection (RFC 9113, section 5.4.1); stays inside the package."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamBrokenError(Http2Error):
    """The peer broke a rule whose breach ends one stream (RFC 9113, section 5.4.2); stays inside the package."""

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.stream_id = stream_id
        self.code = code
        self.reason = reason
