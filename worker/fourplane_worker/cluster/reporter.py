"""Writes the WorkerReport: when it changes, and looks after it about once a minute otherwise."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from fourplane_kube import KubeError, NotFoundError
from fourplane_kube.following import backoff
from fourplane_kube.kinds import WORKER_REPORT, Kind
from fourplane_worker.cluster import reports

log = logging.getLogger(__name__)

_LOOK_AFTER_S = (45.0, 60.0)
"""How often the stored report is read, spread: somebody may have deleted or edited it."""


_POOLS_AFTER_S = 5.0
"""How long a change of pools alone waits: engines come and go, and a whole fleet sees it."""


class Store(Protocol):
    """Keeps objects."""

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        """Return an object."""
        ...

    async def create(self, kind: Kind, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""
        ...

    async def replace(self, kind: Kind, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace an object in the version that it names."""
        ...


class Reporter:
    """Keeps one report as it should be."""

    def __init__(
        self,
        store: Store,
        compose: Callable[[], Mapping[str, Any]],
        changes: Callable[[float], Awaitable[object]],
        settle_s: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what says how the report should be now, and what waits for a change, at most so many seconds.

        What changes within `settle_s` seconds is written once; of pools alone, within five seconds.
        """
        self._store = store
        self._compose = compose
        self._changes = changes
        self._settle_s = settle_s
        self._clock = clock
        self._said: Mapping[str, Any] = {}
        """What was written last, or tried."""
        self._stored: dict[str, Any] | None = None
        """As it was stored last; None: it has to be read."""
        self.trouble = ""
        """Why the report is not written; empty: it is."""

    async def run(self) -> None:
        """Write for ever; a server that is gone gets the newest report when it is back."""
        failures = 0
        look_at = self._clock()
        while True:
            if self._clock() >= look_at:
                self._stored = None
                look_at = self._clock() + random.uniform(*_LOOK_AFTER_S)  # noqa: S311 - spreads load, guards nothing
            wait_s = await self._try(failures)
            if wait_s:
                failures += 1
                await asyncio.sleep(wait_s)
                continue
            failures = 0
            await self._until_due(look_at)
            await asyncio.sleep(self._settle_s)

    async def _until_due(self, look_at: float) -> None:
        """Wait for something to write, which may have come during the last writing, or for the time to look."""
        since: float | None = None
        while True:
            wanted, now = self._compose(), self._clock()
            due = look_at
            if wanted == self._said:
                since = None
            elif not reports.differ_in_pools_alone(wanted, self._said):
                return
            else:
                since = now if since is None else since
                due = since + _POOLS_AFTER_S
            if now >= due:
                return
            await self._changes(due - now)

    async def _try(self, failures: int) -> float:
        """Write if that is needed; return how long to wait before another try, 0 where it is as it should be."""
        self._said = self._compose()
        try:
            await self._write(self._said)
        except KubeError as error:
            self._stored = None  # another one wrote, or deleted it, or nobody knows: read it again
            if str(error) != self.trouble:
                self.trouble = str(error)
                log.warning("the report can't be written; trying again: %s", error)
            return backoff(failures + 1, error.retry_after_s)
        self.trouble = ""
        return 0.0

    async def _write(self, wanted: Mapping[str, Any]) -> None:
        namespace, name = wanted["metadata"]["namespace"], wanted["metadata"]["name"]
        if self._stored is None:
            try:
                self._stored = await self._store.get(WORKER_REPORT, namespace, name)
            except NotFoundError:
                self._stored = await self._store.create(WORKER_REPORT, namespace, dict(wanted))
                return
        if not reports.is_same(self._stored, wanted):
            body = reports.over(self._stored, wanted)
            self._stored = await self._store.replace(WORKER_REPORT, namespace, body)
