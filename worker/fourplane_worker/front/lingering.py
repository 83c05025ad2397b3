"""Calls that nobody waits for any more: they get a moment to end by themselves before their engine is told to stop.

Triton 2.51 may crash where a cancellation meets the end of a call: one caller that cancels short calls, or gives them
deadlines of milliseconds, took the server down within a few hundred. A moment later such a call is over; and where one
runs on, the two hardly meet. Under load, a swarm that was given up lasts longer: so few are stopped in a second.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from fourplane_http2 import Fields, Stream

if TYPE_CHECKING:
    from fourplane_worker.front.engines import EngineConnection

LINGER_S = 0.1
"""How long a call may go on after its caller gave it up: many times what a short one takes."""

STOPS = 20
"""Calls that are stopped at once; as many more in each second, on one connection."""


class Lingering:
    """The streams of one connection that nobody waits for."""

    __slots__ = ("_engine", "_left", "_streams", "_swept", "_timer")

    def __init__(self, engine: "EngineConnection") -> None:
        """Begin with none."""
        self._engine = engine
        self._streams: deque[tuple[float, Stream]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._left = float(STOPS)
        self._swept = 0.0

    def add(self, stream: Stream) -> None:
        """Let a stream end within a moment; its request must be whole."""
        stream.context = Leftover(self._engine, stream)
        if not stream.ending:
            self._engine.send(stream, b"", True)
        loop = asyncio.get_running_loop()
        self._streams.append((loop.time() + LINGER_S, stream))
        if self._timer is None:
            self._timer = loop.call_later(LINGER_S, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._left = min(self._left + (now - self._swept) * STOPS, float(STOPS))
        self._swept = now
        while self._streams and self._streams[0][0] <= now:
            stream = self._streams[0][1]
            if stream.context is not None:
                if self._left < 1:
                    break
                self._left -= 1
                self._engine.release(stream)
            self._streams.popleft()
        if self._streams:
            self._timer = loop.call_at(max(self._streams[0][0], now + (1 - self._left) / STOPS), self._sweep)
        self._engine.batch.flush()

    def stop(self) -> None:
        """Forget them: the connection is gone."""
        self._streams.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Leftover:
    """What is left of a call: nobody hears what its engine says."""

    __slots__ = ("_engine", "_stream")

    def __init__(self, engine: "EngineConnection", stream: Stream) -> None:
        """Take the stream."""
        self._engine = engine
        self._stream = stream

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Drop the head."""

    def reply_data(self, data: bytes, end: bool) -> None:
        """Drop a piece, and let more come."""
        if not end:
            self._engine.credit(self._stream, len(data))

    def reply_trailers(self, fields: Fields) -> None:
        """Drop the status."""

    def reply_reset(self, code: int) -> None:
        """Hear of the end."""

    def reply_refused(self) -> None:
        """Hear of the end."""

    def reply_failed(self) -> None:
        """Hear of the end."""

    def request_sent(self, count: int) -> None:
        """Hear of what nobody waits for."""
