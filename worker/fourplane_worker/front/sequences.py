"""Sequences keep the snapshot and the engine that they began with."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fourplane_wire.oip import RequestScan
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.serving import Target

_MANY = 10_000
_IDLE_S = 600.0
"""A sequence without a request for this long is forgotten; engines forget theirs sooner."""


@dataclass(slots=True)
class Pinned:
    """Where a sequence lives."""

    target: Target
    engine: EngineConnection | None
    """None where the engine is gone, and the sequence with it."""
    last_used: float


class Sequences:
    """The sequences of one process, the least recently used one first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without any."""
        self._clock = clock
        self._pinned: OrderedDict[tuple[bytes, bytes], Pinned] = OrderedDict()

    def find(self, scan: RequestScan) -> Pinned | None:
        """Return where a request's sequence lives; None where it has none or begins one."""
        if not scan.sequence or scan.sequence_start:
            return None
        key = (scan.model or b"", scan.sequence)
        pinned = self._pinned.get(key)
        if pinned is None:
            return None
        self._pinned.move_to_end(key)
        pinned.last_used = self._clock()
        if pinned.engine is not None and not pinned.engine.conn.can_open:
            pinned.engine = pinned.engine.endpoint.usable
        if pinned.engine is None:
            del self._pinned[key]
        return pinned

    def keep(self, scan: RequestScan, target: Target, engine: EngineConnection) -> None:
        """Remember where a sequence lives, until its last request."""
        if not scan.sequence:
            return
        key = (scan.model or b"", scan.sequence)
        if scan.sequence_end:
            self._pinned.pop(key, None)
            return
        now = self._clock()
        self._pinned[key] = Pinned(target, engine, now)
        self._pinned.move_to_end(key)
        while self._pinned:
            oldest = next(iter(self._pinned.values()))
            if len(self._pinned) <= _MANY and now - oldest.last_used < _IDLE_S:
                break
            self._pinned.popitem(last=False)
