"""Frame types, flags and how frames are put into bytes (RFC 9113, sections 4 and 6)."""

import struct
from typing import Final

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES: Final = 9
MAX_ID: Final = 2**31 - 1
MAX_WINDOW: Final = 2**31 - 1
DEFAULT_WINDOW: Final = 65_535
DEFAULT_TABLE: Final = 4096
MIN_MAX_FRAME: Final = 16_384
MAX_MAX_FRAME: Final = 2**24 - 1

HEAD: Final = struct.Struct(">IBI")
"""A frame's head read in one go: length << 8 | type, flags, stream."""

WORD: Final = struct.Struct(">I")
TWO_WORDS: Final = struct.Struct(">II")
SETTING: Final = struct.Struct(">HI")

pack_head = HEAD.pack
unpack_head = HEAD.unpack_from
unpack_word = WORD.unpack_from


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return one whole frame."""
    return pack_head(len(payload) << 8 | kind, flags, stream_id) + payload


def settings(values: dict[int, int]) -> bytes:
    """Return a SETTINGS frame with these values."""
    return frame(SETTINGS, 0, 0, b"".join(SETTING.pack(key, value) for key, value in values.items()))


def window_update(stream_id: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return pack_head(4 << 8 | WINDOW_UPDATE, 0, stream_id) + WORD.pack(increment)


def rst_stream(stream_id: int, code: int) -> bytes:
    """Return a RST_STREAM frame."""
    return pack_head(4 << 8 | RST_STREAM, 0, stream_id) + WORD.pack(code)


def goaway(last: int, code: int, debug: bytes) -> bytes:
    """Return a GOAWAY frame."""
    return frame(GOAWAY, 0, 0, TWO_WORDS.pack(last, code) + debug)


def headers(stream_id: int, block: bytes, end: bool, max_frame: int) -> list[bytes]:
    """Return HEADERS and the CONTINUATIONs that a block above the peer's frame size needs (section 6.10)."""
    pieces = [block[at : at + max_frame] for at in range(0, len(block), max_frame)] or [b""]
    frames = []
    for place, piece in enumerate(pieces):
        flags = END_HEADERS if place == len(pieces) - 1 else 0
        if place == 0 and end:
            flags |= END_STREAM
        frames.append(frame(CONTINUATION if place else HEADERS, flags, stream_id, piece))
    return frames
