"""Every form that objects of a kind had while a test ran."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from running_operator import Site

from fourplane_kube import Changed, Deleted, Kind, Listed, connect, follow


class History:
    """What was seen of a kind, in its order."""

    def __init__(self, site: Site, kind: Kind) -> None:
        """Prepare."""
        self._site = site
        self._kind = kind
        self._begun = threading.Event()
        self.seen: list[dict[str, Any]] = []
        """Each object in each form."""
        self.deleted: list[str] = []

    @contextmanager
    def recorded(self) -> Iterator["History"]:
        """Watch until the end."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_until_complete, args=(self._watch(),), daemon=True)
        thread.start()
        assert self._begun.wait(30)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(self._task.cancel)
            thread.join(30)
            loop.close()

    async def _watch(self) -> None:
        self._task = asyncio.ensure_future(self._follow())
        await asyncio.wait({self._task})
        await asyncio.sleep(0.1)  # connections close on the loop

    async def _follow(self) -> None:
        async with connect(self._site.cluster.admin) as cluster:
            async for happening in follow(cluster, self._kind, self._site.namespace, opened=self._begun.set):
                match happening:
                    case Listed(objects):
                        self.seen += objects
                    case Changed(one):
                        self.seen.append(one)
                    case Deleted(one):
                        self.deleted.append(one["metadata"]["name"])
                    case _:
                        pass

    def revisions(self) -> list[tuple[int, int]]:
        """Return epoch and sequence of each activation that was seen."""
        return [(one["spec"]["epoch"], one["spec"]["sequence"]) for one in self.seen]

    def digests(self) -> list[str]:
        """Return the snapshots that activations named, one after the other."""
        found: list[str] = []
        for one in self.seen:
            if not found or found[-1] != one["spec"]["stable"]:
                found.append(one["spec"]["stable"])
        return found
