"""Bounded rates: a bucket of tokens, refilled by a steady clock."""

import asyncio
from collections.abc import Callable


class Bucket:
    """Lets `rate` things a second pass, and `burst` at once."""

    def __init__(self, rate: float, burst: int, steady: Callable[[], float]) -> None:
        """Begin full; `steady` returns seconds that never go back."""
        self._rate = rate
        self._burst = float(burst)
        self._steady = steady
        self._tokens = float(burst)
        self._at = steady()

    async def wait(self) -> None:
        """Take a token, and wait until it is there."""
        self._refill()
        self._tokens -= 1
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)

    def _refill(self) -> None:
        now = self._steady()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
