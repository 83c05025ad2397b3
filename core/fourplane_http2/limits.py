"""What one connection may cost us: windows, sizes and flood budgets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How often a peer may do what costs us and brings nothing: a token bucket."""

    burst: int
    """Times at once; also the most that can be saved up."""
    per_second: float = 0.0
    """Times earned by each second of `now`."""
    per_work: float = 0.0
    """Times earned by each unit of useful work (a DATA frame with payload, or a completed stream where said so)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one connection; what the peer must know is announced in our SETTINGS."""

    max_concurrent_streams: int = 1024
    """Streams that a client may have open at once; bounds the memory of one connection."""
    stream_window: int = 256 * 1024
    """Bytes of one stream that may be in flight or unconsumed; a fast hop's bandwidth-delay product."""
    connection_window: int = 16 * 1024 * 1024
    """Bytes of all streams in flight; large, since the streams' windows do the holding back."""
    max_frame_size: int = 16_384
    """Bytes of the largest frame payload taken, up to 1 MiB; larger frames save work on large tensors."""
    max_header_list_bytes: int = 64 * 1024
    """Bytes of a decoded header list with 32 for each field (section 6.5.2): tokens are large, not endless."""
    max_header_fields: int = 256
    """Fields of one list; many tiny fields cost more than their bytes."""
    max_header_multiple: int = 4
    """Encoded blocks above this many times `max_header_list_bytes` end the connection, not just the stream."""
    max_continuations: int = 32
    """CONTINUATION frames of one block; enough for the hard bound in frames of 16 KiB twice over."""
    max_string_bytes: int = 32 * 1024
    """Bytes of one decoded name or value; a block with a longer one is too large."""
    header_table_size: int = 0
    """Bytes of the dynamic table that we announce; 0 makes header blocks stateless and so memoisable."""
    decoded_cache_bytes: int = 4 * 1024 * 1024
    """Bytes of repeated header fields kept decoded, for each connection: above a thousand tokens of a kilobyte."""
    block_memo_bytes: int = 128 * 1024
    """Bytes of repeated whole header blocks kept decoded, for each connection."""
    remembered_resets: int = 1024
    """Streams that we reset whose late frames are still excused; as many as can be open."""
    max_backlog_bytes: int = 1024 * 1024
    """Bytes other than DATA put out while the transport is paused: a peer that asks but does not read."""
    resets: Budget = Budget(burst=1000, per_second=500, per_work=1)
    """RST_STREAM from a client and stream errors it provokes (rapid reset); work is a completed stream.

    An honest client whose deadlines all pass cancels everything it asks, at the rate at which it asks.
    """
    pings: Budget = Budget(burst=100, per_second=10, per_work=1)
    """PINGs, each of which we must answer; bandwidth probes come with DATA."""
    settings: Budget = Budget(burst=50, per_second=1)
    """SETTINGS, each of which touches every open stream."""
    empty_frames: Budget = Budget(burst=100, per_second=10, per_work=1)
    """DATA without payload or end, and empty header fragments: nothing but work."""
    window_updates: Budget = Budget(burst=2000, per_second=500, per_work=10)
    """WINDOW_UPDATEs; honest ones follow the DATA that we send."""
    priorities: Budget = Budget(burst=1000, per_second=50, per_work=2)
    """PRIORITY frames, which we parse for nothing."""
    strays: Budget = Budget(burst=2000, per_second=1000, per_work=10)
    """Frames on streams that are over; some servers send the end of a stream six times. Work is a completed stream."""

    def __post_init__(self) -> None:
        """Refuse values that the protocol cannot carry."""
        if not 16_384 <= self.max_frame_size <= 1024 * 1024:
            raise ValueError("max_frame_size must be between 16384 and 1048576")
        if not 0 < self.stream_window < 2**31 or not 65_535 <= self.connection_window < 2**31:
            raise ValueError("stream_window must be positive, connection_window at least 65535, both below 2**31")
        if not 0 < self.max_header_fields < 2**16:
            raise ValueError("max_header_fields must be between 1 and 65535")


class Meter:
    """Count one budget down; what was earned meanwhile is added only when nothing is left."""

    __slots__ = ("_at", "_budget", "_left", "_work", "what")

    def __init__(self, what: str, budget: Budget) -> None:
        self.what = what
        self._budget = budget
        self._left: float = budget.burst
        self._at: float | None = None
        self._work = 0

    def spend(self, now: float, work: int) -> bool:
        """Take one; say whether there was one."""
        if self._at is None:
            self._at = now
        if self._left < 1:
            budget = self._budget
            earned = max(now - self._at, 0.0) * budget.per_second + (work - self._work) * budget.per_work
            self._left = min(self._left + earned, float(budget.burst))
            self._at, self._work = now, work
        if self._left < 1:
            return False
        self._left -= 1
        return True
