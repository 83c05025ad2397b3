"""What goes into status: the newest for each resource, at a bounded rate, only where it differs from what stands."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from fourplane_api import API_VERSION
from fourplane_api.meta import Condition
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import RUNTIME
from fourplane_kube import ConflictError, Kind, KubeError, NotFoundError, RefusedError
from fourplane_kube.following import backoff
from fourplane_kube.kinds import MODEL_ROUTE, RUNTIME_DEPLOYMENT
from fourplane_operator.errors import NotLeadingError
from fourplane_operator.gathering import Gathered, Known
from fourplane_operator.guarded import Writer
from fourplane_operator.pacing import Bucket

log = logging.getLogger(__name__)

KINDS: Mapping[str, Kind] = {"RuntimeDeployment": RUNTIME_DEPLOYMENT, "ModelRoute": MODEL_ROUTE}
_AT_ONCE = 4
"""Requests under way at once: enough to fill the rate over a slow connection."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A status as it should be."""

    generation: int
    conditions: tuple[Condition, ...]
    told: Mapping[str, Any]
    """The rest of the status, as the API has it."""

    def stands(self, known: Known) -> bool:
        """Tell whether that is what stands already."""
        return known.standing == self.conditions and known.told == self.document(conditions=False)

    def document(self, *, conditions: bool = True) -> dict[str, Any]:
        """Return the status as JSON has it."""
        written = {"conditions": [one.model_dump(mode="json", by_alias=True) for one in self.conditions]}
        return {**(written if conditions else {}), "observedGeneration": self.generation, **self.told}


class Statuses:
    """The statuses that wait to be written: what people wait for first, then the rest in its order."""

    def __init__(
        self,
        writer: Writer,
        gathered: Gathered,
        bucket: Bucket,
        after_s: float,
        *,
        writes: Callable[[SourceRef, Known, Wanted], None],
        wrote: Callable[[], None],
    ) -> None:
        """Write through `writer`; `writes` is told of each write ahead of it, with what stood before."""
        self._writer = writer
        self._gathered = gathered
        self._bucket = bucket
        self._after_s = after_s
        self._writes = writes
        self._wrote = wrote
        self._waiting: dict[SourceRef, Wanted] = {}
        self._due: dict[SourceRef, float] = {}
        """When each may be written, by the loop's clock."""
        self._urgent: list[tuple[float, SourceRef]] = []
        self._rest: list[tuple[float, SourceRef]] = []
        """Heaps by that time; an entry that is not what `_due` says is left over."""
        self._busy: set[SourceRef] = set()
        self._wake = asyncio.Event()
        self._failures = 0

    def offer(self, ref: SourceRef, wanted: Wanted, *, urgent: bool = False) -> None:
        """Ask for a status; takes the place of an earlier one that was not written yet."""
        known = self._gathered.known.get(ref)
        if known is None or (wanted.stands(known) and ref not in self._busy):
            self._waiting.pop(ref, None)
            self._due.pop(ref, None)
            return
        self._waiting[ref] = wanted
        if ref not in self._due or urgent:
            self._plan(ref, self._due.get(ref) or self._now() + self._after_s, urgent=urgent)

    @property
    def backlog(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def run(self) -> None:
        """Write for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._write_on())

    async def _write_on(self) -> None:
        while True:
            ref = await self._next()
            await self._bucket.wait()
            wanted = self._waiting.pop(ref, None)
            if wanted is not None:
                await self._write(ref, wanted)
            self._busy.discard(ref)
            if ref in self._waiting:
                self._plan(ref, self._due.get(ref) or self._now(), urgent=True)

    def _plan(self, ref: SourceRef, at: float, *, urgent: bool) -> None:
        self._due[ref] = at
        heappush(self._urgent if urgent or ref.kind == RUNTIME else self._rest, (at, ref))
        self._wake.set()

    async def _next(self) -> SourceRef:
        while True:
            now = self._now()
            for heap in (self._urgent, self._rest):
                while heap and heap[0][0] <= now:
                    at, ref = heappop(heap)
                    if self._due.get(ref) == at and ref not in self._busy:
                        del self._due[ref]
                        self._busy.add(ref)
                        return ref
            self._wake.clear()
            first = min((heap[0][0] for heap in (self._urgent, self._rest) if heap), default=now + 60)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, first - now))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _write(self, ref: SourceRef, wanted: Wanted) -> None:
        known = self._gathered.known.get(ref)
        if known is None or known.generation != wanted.generation or wanted.stands(known):
            return  # it is gone, or its next compile says more
        namespace, _, name = ref.name.partition("/")
        body = {
            "apiVersion": API_VERSION,
            "kind": ref.kind,
            # Only to the version that this was computed from: a leader that was overtaken fails here.
            "metadata": {"name": name, "uid": known.uid, "resourceVersion": str(known.version)},
            "status": wanted.document(),
        }
        self._writes(ref, known, wanted)
        try:
            answer = await self._writer.apply(KINDS[ref.kind], namespace, body, subresource="status")
        except NotLeadingError:
            return
        except (ConflictError, NotFoundError):
            self._again(ref, wanted, 0.5)  # its event is on the way; what is newer takes this one's place
        except RefusedError as error:
            log.error("the status of %s is refused: %s", ref, error)  # noqa: TRY400 - the server's words say it all
        except KubeError as error:
            self._failures += 1
            log.warning("the status of %s can't be written now: %s", ref, error)
            self._again(ref, wanted, backoff(self._failures, error.retry_after_s))
        else:
            self._wrote()
            self._failures = 0
            self._gathered.wrote(ref, answer)

    def _again(self, ref: SourceRef, wanted: Wanted, after_s: float) -> None:
        """Keep it for later, unless something newer waits already."""
        self._waiting.setdefault(ref, wanted)
        self._due[ref] = self._now() + after_s
