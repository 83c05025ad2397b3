"""Finds the engines of pools by the EndpointSlices of their Services, and writes them down for the processes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fourplane_core.control.snapshot import PoolName, Snapshot
from fourplane_kube import Changed, Deleted, Listed, Troubled
from fourplane_kube.following import Happening
from fourplane_worker.cluster import slices
from fourplane_worker.cluster.slices import Found, Place
from fourplane_worker.store import endpoints
from fourplane_worker.store.errors import StoreError
from fourplane_worker.store.layout import StateFolder

log = logging.getLogger(__name__)

Slices = Callable[[str], AsyncIterator[Happening]]
"""Follows the EndpointSlices of a Service."""


class Finder:
    """Follows the Services of one snapshot's pools, and of the snapshot before while that may still be served."""

    def __init__(self, follow: Slices, state: StateFolder, changed: Callable[[], None]) -> None:
        """Begin with what was found before; call `changed` after each writing."""
        self._follow = follow
        self._state = state
        self._changed = changed
        self._watches: dict[tuple[PoolName, Place], _Watch] = {}
        try:
            self._known = endpoints.read(state)
        except StoreError as error:
            log.warning("%s", error)
            self._known = {}
        self._written = self._known

    async def prepare(self, snapshot: Snapshot, within_s: float) -> None:
        """Follow what a snapshot needs beside what is followed, and wait for a first answer, or for that long."""
        new = [item for item in slices.places(snapshot).items() if item not in self._watches]
        for pool, place in new:
            self._watches[pool, place] = _Watch(place, self._follow(place.service), self._write)
        waiting = [asyncio.ensure_future(self._watches[item].heard.wait()) for item in new]
        if waiting:
            await asyncio.wait(waiting, timeout=within_s)
        for each in waiting:
            each.cancel()

    def settle(self, snapshot: Snapshot) -> None:
        """Leave what only earlier snapshots needed: no process serves them any more."""
        needed = slices.places(snapshot)
        gone = [item for item in self._watches if needed.get(item[0]) != item[1]]
        for item in gone:
            self._watches.pop(item).stop()
        if gone or self._known.keys() - needed.keys():
            self._known = {pool: known for pool, known in self._known.items() if pool in needed}
            self._write()

    def stop(self) -> None:
        """Follow nothing; what was found stays written."""
        for watch in self._watches.values():
            watch.stop()

    def about(self) -> list[dict[str, str]]:
        """Return what the status says: each pool's Service, and what is wrong with it."""
        return [
            {"pool": pool, "service": f"{place.service}:{place.port}", "problem": watch.problem}
            for (pool, place), watch in sorted(self._watches.items(), key=lambda item: item[0][0])
        ]

    def _write(self) -> None:
        """Write down what is known now; a pool that was not heard of yet keeps what it had."""
        heard = {pool: watch.found.addresses for (pool, _), watch in self._watches.items() if watch.found is not None}
        known = self._known | heard
        if known == self._written:
            return
        try:
            endpoints.write(self._state, known)
        except StoreError as error:
            log.error("%s; the processes do not hear where engines are", error)  # noqa: TRY400 - the text says it all
            return
        self._known = self._written = known
        self._changed()


class _Watch:
    """One Service that is followed."""

    def __init__(self, place: Place, happenings: AsyncIterator[Happening], changed: Callable[[], None]) -> None:
        self.heard = asyncio.Event()
        self.found: Found | None = None
        """None: the API server has not said."""
        self._absence = ""
        self._place = place
        self._changed = changed
        self._slices: dict[str, Mapping[str, Any]] = {}
        self._task = asyncio.create_task(self._run(happenings))

    @property
    def problem(self) -> str:
        """Say why engines may be missing; empty: nothing is known to be wrong."""
        return self._absence or (self.found.problem if self.found else "")

    def stop(self) -> None:
        """Follow it no more."""
        self._task.cancel()

    async def _run(self, happenings: AsyncIterator[Happening]) -> None:
        async for happening in happenings:
            if isinstance(happening, Troubled):
                self._absence = str(happening.error)
                continue
            self._absence = ""
            try:
                self._hear(happening)
            except Exception:
                log.exception("slices of a service can't be read", extra={"service": self._place.service})
            self.heard.set()

    def _hear(self, happening: Listed | Changed | Deleted) -> None:
        match happening:
            case Listed(objects):
                self._slices = {each["metadata"]["name"]: each for each in objects}
            case Changed(found):
                self._slices[found["metadata"]["name"]] = found
            case Deleted(found):
                self._slices.pop(found["metadata"]["name"], None)
        self.found = slices.found(self._place, self._slices.values())
        self._changed()
