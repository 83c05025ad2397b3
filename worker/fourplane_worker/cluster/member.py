"""A worker as a member of a cluster: follower, finder and reporter beside one supervisor."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from fourplane_core.control.snapshot import Snapshot
from fourplane_kube import Cluster, KubeError, UnreachableError, follow
from fourplane_kube.following import Happening, backoff
from fourplane_kube.kinds import ENDPOINT_SLICE, POD, RUNTIME_ACTIVATION
from fourplane_worker.cluster import reports
from fourplane_worker.cluster.finder import Finder
from fourplane_worker.cluster.follower import Follower
from fourplane_worker.cluster.mirror import Mirror
from fourplane_worker.cluster.reporter import Reporter
from fourplane_worker.cluster.reports import Identity
from fourplane_worker.cluster.settings import ClusterSettings
from fourplane_worker.cluster.slices import SERVICE_LABEL
from fourplane_worker.cluster.standing import Observer
from fourplane_worker.process.beside import Beside, Following, Parts
from fourplane_worker.process.intake import Problem

log = logging.getLogger(__name__)

_SLICES_WITHIN_S = 1.0
"""How long a new snapshot waits for the addresses of engines that it names first."""
_AGAIN_S = 5.0


class Member(Beside):
    """Everything that a supervisor has beside it in a cluster."""

    def __init__(self, settings: ClusterSettings, cluster: Cluster, now: Callable[[], float]) -> None:
        """Prepare; `now` returns seconds since 1970."""
        self.runtime = settings.runtime
        self._settings = settings
        self._cluster = cluster
        self._now = now
        self._finder: Finder | None = None
        self._follower: Follower | None = None
        self._reporter: Reporter | None = None

    async def run(self, parts: Parts) -> None:
        """Follow, find and report for ever, beside a supervisor that was started."""
        self._finder = finder = Finder(self._slices, parts.state, parts.look)
        mirror = Mirror(self._cluster, parts.state, lambda: parts.intake.keyring, self.runtime)
        self._follower = follower = Follower(self._activations, mirror, lambda: _changed(parts))
        observer = Observer(parts.intake, parts.fleet, follower, self._now)
        who = Identity(
            runtime=self.runtime,
            pod=self._settings.pod,
            pod_uid=self._settings.pod_uid,
            version=self._settings.version,
        )

        async def report() -> None:
            known = replace(who, pod_uid=who.pod_uid or await self._pod_uid())
            self._reporter = Reporter(
                self._cluster, lambda: reports.document(known, observer.look()), parts.fleet.changes
            )
            await self._reporter.run()

        if parts.intake.snapshot is not None:
            await finder.prepare(parts.intake.snapshot, 0)
        try:
            await asyncio.gather(
                *map(_forever, (follower.listen, follower.work, report, lambda: self._settle(parts, finder)))
            )
        finally:
            finder.stop()

    async def prepare(self, snapshot: Snapshot) -> None:
        """Find the engines that a snapshot names before any process is offered it."""
        if self._finder is None or self._follower is None:
            return
        try:
            await self._finder.prepare(snapshot, _SLICES_WITHIN_S if self._follower.absent_since is None else 0)
        except Exception:
            log.exception("the engines of a snapshot can't be found")

    def again(self) -> None:
        """Try again what was refused: other keys are trusted now."""
        if self._follower is not None:
            self._follower.again()

    def about(self) -> Mapping[str, Any]:
        """Return what the status says of it."""
        follower, finder, reporter = self._follower, self._finder, self._reporter
        is_followed = follower is not None and follower.absent_since is None
        return {
            "follows": {
                "runtime": self.runtime,
                "apiServer": "followed" if is_followed else "absent",
                "problem": (follower.absence or follower.trouble) if follower else "",
                "offered": follower.offer.digest if follower and follower.offer else "",
                "report": (reporter.trouble if reporter else "") or "written",
                "services": finder.about() if finder else [],
            }
        }

    def problems(self) -> tuple[Problem, ...]:
        """Return what is refused before it comes into the state folder."""
        refusal = self._follower.refusal if self._follower else None
        return (Problem(refusal.what, refusal.reason, refusal.message),) if refusal else ()

    def following(self) -> Following | None:
        """Return how it goes with the API server."""
        if self._follower is None:
            return None
        since = self._follower.absent_since
        absent_s = 0.0 if since is None else max(asyncio.get_running_loop().time() - since, 0.001)
        return Following(absent_s=round(absent_s, 3), refused=self._follower.refused)

    def waits_for(self) -> str:
        """Say why there is no snapshot."""
        follower = self._follower
        if follower is None:
            return "the API server was not asked yet"
        if follower.refusal is not None:
            return follower.refusal.message
        where = f"RuntimeActivation {self._settings.name} in namespace {self._settings.namespace}"
        why = follower.absence or follower.trouble or ("" if follower.offer else f"there is no {where}")
        return why or f"{where} is being taken"

    async def _settle(self, parts: Parts, finder: Finder) -> None:
        """Leave engines that only an earlier snapshot named, once no process serves that."""
        while True:
            snapshot, offer = parts.intake.snapshot, parts.intake.offer
            if snapshot is not None and offer is not None and parts.fleet.serves(offer):
                finder.settle(snapshot)
            await parts.fleet.changes(_AGAIN_S)

    def _activations(self, opened: Callable[[], None]) -> AsyncIterator[Happening]:
        name = f"metadata.name={self._settings.name}"
        return follow(self._cluster, RUNTIME_ACTIVATION, self._settings.namespace, opened=opened, fieldSelector=name)

    def _slices(self, service: str) -> AsyncIterator[Happening]:
        label = f"{SERVICE_LABEL}={service}"
        return follow(self._cluster, ENDPOINT_SLICE, self._settings.namespace, labelSelector=label)

    async def _pod_uid(self) -> str:
        """Ask for the pod where nobody said its uid; without a right to it, the report has no owner."""
        for failures in itertools.count(1):
            try:
                found = await self._cluster.get(POD, self._settings.namespace, self._settings.pod)
                return str(found["metadata"]["uid"])
            except UnreachableError as error:
                await asyncio.sleep(backoff(failures, error.retry_after_s))
            except KubeError as error:
                log.warning("the report gets no owner, since the pod's uid is not known (POD_UID): %s", error)
                break
        return ""


def _changed(parts: Parts) -> None:
    parts.look()
    parts.fleet.wake()


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    """Begin again whatever ends, which only a fault in it can do."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("following the cluster failed; beginning again")
        await asyncio.sleep(_AGAIN_S)
