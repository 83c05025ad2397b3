"""Deadlines in coarse ticks: one timer for all calls, none for each."""

import asyncio
import logging
from typing import Protocol

log = logging.getLogger(__name__)

_TICK_S = 0.01


class Expiring(Protocol):
    """What can run out of time."""

    tick: int
    """Where it stands in the wheel; 0: nowhere."""

    def expire(self) -> None:
        """Hear that the time is up."""
        ...


class Deadlines:
    """Calls by the tick at which their time is up; up to 10 ms late, never early."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start empty, without a timer."""
        self._loop = loop
        self._ticks: dict[int, dict[Expiring, None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: Expiring, at: float) -> None:
        """Call `item.expire()` once the loop's clock has passed `at` (in seconds)."""
        tick = int(at / _TICK_S) + 1
        item.tick = tick
        bucket = self._ticks.get(tick)
        if bucket is None:
            bucket = self._ticks[tick] = {}
            if self._timer is None:
                self._timer = self._loop.call_at(tick * _TICK_S, self._sweep)
            elif tick * _TICK_S < self._timer.when():
                self._timer.cancel()
                self._timer = self._loop.call_at(tick * _TICK_S, self._sweep)
        bucket[item] = None

    def remove(self, item: Expiring) -> None:
        """Forget an item."""
        tick = item.tick
        if tick:
            item.tick = 0
            bucket = self._ticks.get(tick)
            if bucket is not None:
                bucket.pop(item, None)
                if not bucket:
                    del self._ticks[tick]

    def _sweep(self) -> None:
        self._timer = None
        now = int(self._loop.time() / _TICK_S + 1e-6)
        for tick in sorted(tick for tick in self._ticks if tick <= now):
            for item in tuple(self._ticks.pop(tick, ())):
                if item.tick != tick:
                    continue  # another's expiry removed it
                item.tick = 0
                try:
                    item.expire()
                except Exception:
                    log.exception("a call that ran out of time failed inside the worker")
        if self._ticks and self._timer is None:
            self._timer = self._loop.call_at(min(self._ticks) * _TICK_S, self._sweep)
