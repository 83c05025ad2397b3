"""What one input of the fuzzers stands for: a world, a plan for the owner, and what the peer sends."""

from dataclasses import dataclass

from fourplane_http2 import Limits, Role
from fuzz.wire import PREFACE, SETTINGS, frame

PLAN_BYTES = 12
HEAD_BYTES = PLAN_BYTES + 3

LIMITS = (
    Limits(
        stream_window=2000,
        max_header_list_bytes=2000,
        max_header_multiple=1,
        connection_window=100_000,
        max_concurrent_streams=8,
    ),
    Limits(header_table_size=4096, max_concurrent_streams=3, remembered_resets=2, max_header_fields=12),
    Limits(stream_window=70_000, connection_window=65_535, max_string_bytes=40, max_backlog_bytes=200),
    Limits(max_frame_size=1 << 20, header_table_size=200, max_continuations=2),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation; any bytes are one."""

    role: Role
    limits: Limits
    opening: bytes
    """What the peer says before what the fuzzer chose."""
    cut: int
    """How the bytes are cut into reads."""
    plan: bytes
    """What the owner does, one octet for each decision, over and over."""
    wire: bytes
    """What the peer sends then."""

    @property
    def said(self) -> bytes:
        """All that the peer sends."""
        return self.opening + self.wire


def parse(data: bytes) -> Case:
    """Read a case."""
    data = data.ljust(HEAD_BYTES, b"\0")
    role = Role(data[0] & 1)
    opening = b"" if data[1] & 7 == 7 else frame(SETTINGS, 0, 0)
    if opening and not data[1] & 8:
        opening += frame(SETTINGS, 1, 0)
    if role is Role.SERVER:
        opening = PREFACE + opening
    limits = LIMITS[data[0] >> 1 & 3]
    return Case(role, limits, opening, data[2], data[3:HEAD_BYTES], data[HEAD_BYTES:])


def build(wire: bytes, role: Role = Role.SERVER, limits: int = 0, cut: int = 0, plan: bytes = b"") -> bytes:
    """Return the input of a conversation."""
    return bytes((role | limits << 1, 0, cut)) + plan[:PLAN_BYTES].ljust(PLAN_BYTES, b"\0") + wire


def pieces(data: bytes, cut: int) -> list[bytes]:
    """Cut bytes into reads: 0 leaves them whole, 1 makes reads of one octet, others something between."""
    if not cut:
        return [data]
    if cut == 1:
        return [data[at : at + 1] for at in range(len(data))]
    result, at, step = [], 0, cut
    while at < len(data):
        step = step * 73 % 251
        size = step % 23 + 1 if cut & 1 else step * (cut >> 1)
        result.append(data[at : at + size])
        at += size
    return result
