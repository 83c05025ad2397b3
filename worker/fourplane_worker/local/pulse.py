"""Notices that the front's state has changed, for those who tell others."""

import asyncio

from fourplane_worker.front.front import Front

_LOOK_EVERY_S = 0.1


class Pulse:
    """Looks at the front ten times a second, once for all who wait."""

    def __init__(self, front: Front) -> None:
        """Prepare; `start` begins to look."""
        self._front = front
        self._task: asyncio.Task[None] | None = None
        self.turn = asyncio.Event()
        """Set once the state has changed; take it before looking at the state, then wait for it."""

    @property
    def ready(self) -> bool:
        """Whether requests are served: a snapshot is active, and the worker is not shutting down."""
        return self._front.serving is not None and not self._front.draining

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._look())

    def stop(self) -> None:
        """Look no more, and let everybody go who waits."""
        if self._task is not None:
            self._task.cancel()
        self.turn.set()

    async def _look(self) -> None:
        seen = None
        while True:
            now = (self._front.serving, self._front.draining)
            if now != seen:
                seen = now
                turn, self.turn = self.turn, asyncio.Event()
                turn.set()
            await asyncio.sleep(_LOOK_EVERY_S)
