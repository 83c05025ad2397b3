"""The Lease: one operator writes, and stops before anyone else may begin."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fourplane_kube import Cluster, ConflictError, ExistsError, KubeError, NotFoundError
from fourplane_kube.kinds import LEASE
from fourplane_kube.times import timestamp
from fourplane_operator.errors import NotLeadingError
from fourplane_operator.settings import LeaseSettings

log = logging.getLogger(__name__)

Clock = Callable[[], float]
"""Returns seconds; `steady` from any start and never back, `wall` since 1970."""
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The other one stands still on Linux while the machine is suspended, and the Lease does not."""


def since_boot() -> float:
    """Return seconds that never go back, and go on while the machine is suspended."""
    return time.clock_gettime(_SINCE_BOOT)


class Leadership:
    """Stands for the Lease, holds it, and knows at any moment whether it may still write.

    What others wrote into the Lease as times is never compared with a clock of ours: a lease is over when nothing
    changed in it for its whole duration, as measured here. So clocks may differ by any amount.
    """

    def __init__(self, cluster: Cluster, settings: LeaseSettings, identity: str, steady: Clock, wall: Clock) -> None:
        """Prepare; `run` does the rest."""
        self._cluster = cluster
        self._settings = settings
        self._identity = identity
        self._steady = steady
        self._wall = wall
        self._until = 0.0
        """Steady time at which writing ends unless the lease is renewed."""
        self._seen: tuple[str, float] = ("", 0.0)
        """Version of another's lease, and since when it stands."""
        self.newest_version = 0
        """Highest resourceVersion that the Lease had: a lower one means that etcd was restored."""
        self.restored = asyncio.Event()
        """Set when a lower resourceVersion was seen."""
        self.transitions = 0

    @property
    def is_held(self) -> bool:
        """Tell whether writing is permitted now."""
        return self._steady() < self._until

    def check(self) -> None:
        """Raise NotLeadingError unless writing is permitted now."""
        if not self.is_held:
            raise NotLeadingError("the Lease is not held")

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Stand for the Lease for ever; `lead` runs while it is held and is cancelled when it is lost."""
        while True:
            if await self._try():
                log.info("leading", extra={"identity": self._identity, "transitions": self.transitions})
                await self._hold(lead)
                log.warning("not leading any more", extra={"identity": self._identity})
            await asyncio.sleep(self._pause())

    async def release(self) -> None:
        """Let another operator take over at once; best effort."""
        if not self.is_held:
            return
        self._until = 0.0
        try:
            async with asyncio.timeout(self._settings.margin_s):
                lease = await self._cluster.get(LEASE, self._settings.namespace, self._settings.name)
                if lease["spec"].get("holderIdentity") == self._identity:
                    lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._now()}
                    await self._cluster.replace(LEASE, self._settings.namespace, lease)
        except (KubeError, TimeoutError) as error:
            said = str(error) or "no answer"
            log.warning("the Lease was not released, others wait until it is over: %s", said)

    async def _hold(self, lead: Callable[[], Awaitable[None]]) -> None:
        leading = asyncio.ensure_future(lead())
        try:
            while not leading.done() and self.is_held:
                await asyncio.wait({leading}, timeout=min(self._pause(), max(0.0, self._until - self._steady())))
                if not leading.done():
                    await self._try()
        finally:
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
        if leading.done() and not leading.cancelled() and (error := leading.exception()):
            self._until = 0.0
            raise error

    async def _try(self) -> bool:
        """Take or renew the Lease; tell whether it is ours."""
        asked = self._steady()
        try:
            async with asyncio.timeout(self._settings.margin_s):
                lease = await self._take()
        except (KubeError, TimeoutError) as error:
            log.warning(
                "the Lease can't be %s: %s", "renewed" if self.is_held else "looked at", str(error) or "no answer"
            )
            return self.is_held
        if lease is None:
            self._until = 0.0
            return False
        self._until = asked + self._settings.duration_s - self._settings.margin_s
        return True

    async def _take(self) -> dict[str, Any] | None:
        """Return the Lease when it is ours now; None while it is another's."""
        namespace, name = self._settings.namespace, self._settings.name
        try:
            lease = await self._cluster.get(LEASE, namespace, name)
        except NotFoundError:
            body = {
                "apiVersion": LEASE.api_version,
                "kind": LEASE.kind,
                "metadata": {"name": name, "namespace": namespace},
                "spec": self._spec({}),
            }
            try:
                return self._noted(await self._cluster.create(LEASE, namespace, body))
            except ExistsError:
                return None
        self._noted(lease)
        if not self._may_take(lease):
            return None
        try:
            return self._noted(
                await self._cluster.replace(LEASE, namespace, lease | {"spec": self._spec(lease["spec"])})
            )
        except ConflictError:
            # A write of ours whose answer was lost is sent once more by the HTTP client: that conflicts with itself.
            lease = self._noted(await self._cluster.get(LEASE, namespace, name))
            return lease if lease["spec"].get("holderIdentity") == self._identity else None

    def _may_take(self, lease: dict[str, Any]) -> bool:
        holder = lease["spec"].get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        version, now = lease["metadata"]["resourceVersion"], self._steady()
        if self._seen[0] != version:
            self._seen = (version, now)
        return now - self._seen[1] > float(lease["spec"].get("leaseDurationSeconds") or self._settings.duration_s)

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        ours = before.get("holderIdentity") == self._identity
        self.transitions = int(before.get("leaseTransitions") or 0) + (0 if ours else 1)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._settings.duration_s),
            "acquireTime": before["acquireTime"] if ours else self._now(),
            "renewTime": self._now(),
            "leaseTransitions": self.transitions,
        }

    def _noted(self, lease: dict[str, Any]) -> dict[str, Any]:
        version = int(lease["metadata"]["resourceVersion"])
        if version < self.newest_version:
            log.error("resource versions went back: etcd was restored from a backup; everything is read anew")
            self.restored.set()
        self.newest_version = version
        return lease

    def _now(self) -> str:
        return timestamp(self._wall(), "microseconds")

    def _pause(self) -> float:
        return self._settings.retry_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
