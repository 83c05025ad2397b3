"""gRPC's length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message")."""

import zlib

from fourplane_core.outcomes import Outcome
from fourplane_worker.front.head import DEFLATE, GZIP, IDENTITY

PREFIX_BYTES = 5
SCAN_BYTES = 128 << 10
"""Bytes of a message within which the model's name must be found; well below a stream's window."""
KEEP_BYTES = 64 << 10
"""Largest request that is kept until it is answered, so that one that never ran can be sent again."""


class BadMessageError(Exception):
    """A message that can't be taken; says how the call ends."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        """Take the outcome and a sentence for the caller."""
        super().__init__(message)
        self.outcome = outcome
        self.message = message


def prefix(size: int) -> bytes:
    """Return the prefix of an uncompressed message."""
    return b"\0" + size.to_bytes(4, "big")


def read_prefix(data: bytes, most: int, encoding: bytes) -> tuple[int, bool]:
    """Return a request message's size in bytes and whether it is compressed; refuse what can't be taken."""
    flag, size = data[0], int.from_bytes(data[1:5], "big")
    if size > most:
        raise BadMessageError(
            Outcome.MESSAGE_TOO_LARGE, f"the message has {size} bytes; spec.limits.maxRequestBytes allows {most}"
        )
    if flag > 1:
        raise BadMessageError(Outcome.MESSAGE_MALFORMED, "the message's first byte is neither 0 nor 1")
    if flag and encoding == IDENTITY:
        raise BadMessageError(
            Outcome.MESSAGE_MALFORMED, "the message is marked as compressed, but grpc-encoding is not set"
        )
    return size, bool(flag)


def inflate(body: bytes, encoding: bytes, most: int) -> bytes:
    """Inflate a whole message, never to more than `most` bytes."""
    assert encoding in (GZIP, DEFLATE)
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16 if encoding == GZIP else zlib.MAX_WBITS)
    try:
        out = unpack.decompress(body, most + 1)
    except zlib.error as error:
        raise BadMessageError(Outcome.MESSAGE_MALFORMED, f"the message is not valid {encoding.decode()}") from error
    if len(out) > most:
        raise BadMessageError(
            Outcome.MESSAGE_TOO_LARGE,
            f"the message inflates to more than the {most} bytes of spec.limits.maxRequestBytes",
        )
    if not unpack.eof:
        raise BadMessageError(Outcome.MESSAGE_MALFORMED, f"the {encoding.decode()} data of the message is cut off")
    if unpack.unused_data:
        raise BadMessageError(
            Outcome.MESSAGE_MALFORMED, f"the message goes on behind the end of its {encoding.decode()} data"
        )
    return out
