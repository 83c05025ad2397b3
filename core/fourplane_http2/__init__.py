"""HTTP/2 for gRPC without I/O: bytes in, calls on a handler and bytes out, for both ends of a connection."""

from .connection import Connection
from .errors import CannotOpenError, ConnectionFailure, ErrorCode, HpackError, Http2Error, MisuseError
from .fields import Fields
from .frames import MAX_ID
from .handler import Handler
from .hpack import HpackDecoder, encode, encode_field
from .limits import Budget, Limits
from .states import Role, State
from .streams import Stream

__all__ = [
    "MAX_ID",
    "Budget",
    "CannotOpenError",
    "Connection",
    "ConnectionFailure",
    "ErrorCode",
    "Fields",
    "Handler",
    "HpackDecoder",
    "HpackError",
    "Http2Error",
    "Limits",
    "MisuseError",
    "Role",
    "State",
    "Stream",
    "encode",
    "encode_field",
]
