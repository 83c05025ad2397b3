"""Listing what is watched, each namespace for itself: one that can't be listed holds up those alone who need it."""

import asyncio
import logging
from dataclasses import dataclass, field

from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.permission import Permission
from fourplane_compiler.sources import ROUTE, RUNTIME
from fourplane_kube import Cluster, KubeError, NoAccessError, NotFoundError
from fourplane_kube.following import backoff
from fourplane_kube.kinds import MODEL_ROUTE, RUNTIME_DEPLOYMENT, WORKER_REPORT
from fourplane_operator.gathering import Gathered
from fourplane_operator.metrics import Metrics
from fourplane_operator.reports import Reports

log = logging.getLogger(__name__)

USER_KINDS = {RUNTIME: RUNTIME_DEPLOYMENT, ROUTE: MODEL_ROUTE}
_AT_A_TIME = 8
"""Namespaces that are listed at once."""


@dataclass(slots=True, eq=False, kw_only=True)
class Lister:
    """Fills the caches, and knows which namespaces are complete in them; the empty one stands for all."""

    cluster: Cluster
    namespaces: tuple[str, ...]
    gathered: Gathered
    reports: Reports
    metrics: Metrics
    complete: set[str] = field(default_factory=set)
    """Namespaces that were listed since this operator leads, and can be compiled from."""
    _refused: set[str] = field(default_factory=set)
    """Namespaces that may not be listed, which was said once."""
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_A_TIME))

    async def first(self, namespace: str) -> None:
        """List a namespace, trying until it works."""
        failures = 0
        while not await self.look(namespace):
            failures += 1
            await asyncio.sleep(backoff(failures))

    async def look(self, namespace: str) -> bool:
        """List a namespace once; return whether that worked."""
        try:
            async with self._places:
                await self._list(namespace)
        except KubeError as error:
            self._failed(namespace, error)
            return False
        self.metrics.listed.labels(namespace).set(1)
        self._refused.discard(namespace)
        return True

    def knows_all_of(self, runtime: str) -> bool:
        """Tell whether all was listed that a runtime is compiled from, so that nothing of it seems to be deleted."""
        missing = [one for one in self.namespaces or ("",) if one not in self.complete]
        known = self.gathered.known.get(SourceRef(RUNTIME, runtime))
        takes = known.takes if known else Permission()
        if not takes.is_known or "" in missing:
            return not missing
        return not any(one == runtime.partition("/")[0] or takes.holds(one) for one in missing)

    async def _list(self, namespace: str) -> None:
        for name, kind in USER_KINDS.items():
            documents, version = await self.cluster.list(kind, namespace)
            if gone := self.gathered.listed(name, namespace, documents, version):
                log.info("a listing found %d deletions that no event told of", gone, extra={"kind": name})
                self.metrics.found_by_listing.inc(gone)
        reports, version = await self.cluster.list(WORKER_REPORT, namespace)
        self.reports.listed(namespace, reports, int(version))
        self.metrics.resources.set(len(self.gathered.known))

    def _failed(self, namespace: str, error: KubeError) -> None:
        self.metrics.listed.labels(namespace).set(0)
        self.metrics.failures.labels(type(error).__name__).inc()
        if namespace in self._refused:
            return
        if isinstance(error, NoAccessError | NotFoundError):
            self._refused.add(namespace)
        where = f"namespace {namespace}" if namespace else "the cluster"
        if namespace in self.complete:
            log.warning("%s can't be listed, what was known of it stands: %s", where, error)
        else:
            log.warning(
                "%s can't be listed, nothing is compiled before of its runtimes and of those that take its routes: %s",
                where,
                error,
            )
