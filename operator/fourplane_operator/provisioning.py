"""Make what RuntimeDeployments ask for, repair it, remove it again, and tell how far it is: one step at a time."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from fourplane_api import RuntimeDeployment
from fourplane_compiler.conditions import Provisioning, Shortfall
from fourplane_compiler.workloads import names, shortfalls
from fourplane_compiler.workloads.manifest import Key, Manifest
from fourplane_compiler.workloads.plan import Plan, autoscaled, plan
from fourplane_compiler.workloads.settings import ClusterFacts, WorkloadSettings
from fourplane_kube import (
    Cluster,
    ConflictError,
    Kind,
    KubeError,
    NoAccessError,
    NotFoundError,
    Object,
    RefusedError,
)
from fourplane_operator.provisioning_memory import Memory
from fourplane_operator.provisioning_stock import KINDS, SELECTOR, Standing, Stock, is_ours, key_of, owner_of
from fourplane_operator.provisioning_values import digest_of

__all__ = ["KINDS", "SELECTOR", "Made", "Provisioner", "Writes", "is_ours", "owner_of"]

log = logging.getLogger(__name__)

SCALE_MANAGER = "fourplane-scale"
"""Field manager that holds the number of pods between us and an autoscaler, so that it does not fall to 1."""
_AUTOSCALER = "HorizontalPodAutoscaler"
_LOOKS = 4
"""How often an object is looked at again that changed before a write reached it: a status changes often."""
_NOTHING = ""
"""In place of a body's digest: the object shall not be."""
_CUSTOM_METRICS = "/apis/custom.metrics.k8s.io"
_REFUSALS = (RefusedError, NoAccessError, NotFoundError, ConflictError)


class Writes(Protocol):
    """Writes of the operator."""

    async def apply(self, kind: Kind, namespace: str, body: Object, *, subresource: str = "") -> Object:
        """Apply under the operator's manager."""

    async def apply_as(self, manager: str, kind: Kind, namespace: str, body: Object) -> Object:
        """Apply under another manager."""

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str, resource_version: str = "") -> None:
        """Delete the object of that uid."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a step came to."""

    provisioning: Provisioning
    again_s: float | None
    """Seconds after which another step may come further though nothing is heard; None: only events help."""


class Provisioner:
    """Makes objects for all runtimes: feed it all listings and events of KINDS that match SELECTOR."""

    def __init__(
        self, cluster: Cluster, writer: Writes, settings: WorkloadSettings, steady: Callable[[], float]
    ) -> None:
        """Read from `cluster`, write through `writer`; `steady` returns seconds that never go back."""
        self._cluster = cluster
        self._writer = writer
        self._settings = settings
        self._facts = ClusterFacts()
        self._stock = Stock()
        self._memory = Memory(steady)

    async def look(self) -> bool:
        """Find out what the cluster can do; tell whether that is news, and each runtime may need another step."""
        try:
            await self._cluster.ask(_CUSTOM_METRICS)
        except NotFoundError:
            found = ClusterFacts(custom_metrics=False)
        else:
            found = ClusterFacts(custom_metrics=True)
        before, self._facts = self._facts, found
        return found != before

    def saw(self, kind: str, found: Object) -> str | None:
        """Take an object; return the runtime to provision again, None where it is no news or nobody's."""
        if not is_ours(found):
            return None
        key = key_of(kind, found)
        before = self._stock.get(key)
        if not self._stock.put(key, Standing.of(kind, found)):
            return None
        return owner_of(found) or (_runtime(key, before) if before else None)

    def lost(self, kind: str, found: Object) -> str | None:
        """Take note that an object is gone; return the runtime to provision again."""
        key = key_of(kind, found)
        self._forget(key, str(found["metadata"].get("uid", "")))
        return owner_of(found)

    def listed(self, kind: str, namespace: str, objects: Iterable[Object], version: str = "") -> set[str]:
        """Take all there is of a kind in a namespace (empty: in all); return the runtimes to provision again.

        What was seen in a later version than the listing's is kept.
        """
        found = [(key_of(kind, one), one) for one in objects]
        touched = {owner for _, one in found if (owner := self.saw(kind, one))}
        for key, standing in self._stock.missing(kind, namespace, {key for key, _ in found}, int(version or 0)):
            self._forget(key)
            touched |= {owner} if (owner := _runtime(key, standing)) else set()
        return touched

    async def provision(self, resource: RuntimeDeployment) -> Made:
        """Bring what stands nearer to what is asked for, with as few writes as can be, and tell what is short."""
        wanted = plan(resource, self._settings, await self._facts_for(resource))
        keys = {one.key for one in wanted.manifests}
        short = [shortfalls.of_remark(remark) for remark in wanted.remarks]
        short += await self._remove(resource, keys)
        for manifest in wanted.manifests:
            found = await self._settle(resource, manifest) or self._judged(manifest.key, wanted)
            short += [found] if found else []
        keys |= {key for key, _ in self._stock.of_owner(resource.metadata.uid)}
        return Made(Provisioning(resource.metadata.generation, tuple(short)), self._memory.again_s(keys))

    def has_workers(self, resource: RuntimeDeployment) -> bool:
        """Tell whether a pod of its workers is available; True where no Deployment of them is known."""
        metadata = resource.metadata
        live = self._stock.get(Key("Deployment", metadata.namespace, names.workers(metadata.name)))
        if live is None or live.owner != metadata.uid:
            return True
        return int(live.told["status"].get("availableReplicas") or 0) > 0

    async def _facts_for(self, resource: RuntimeDeployment) -> ClusterFacts:
        """Find out which autoscalers stand where that matters; one that was not listed yet is asked for."""
        if self._facts.custom_metrics:
            return self._facts
        metadata = resource.metadata
        keys = [Key(_AUTOSCALER, metadata.namespace, name) for name in autoscaled(resource)]
        found = {key.name: self._stock.get(key) or await self._found(key) for key in keys}
        owned = frozenset(name for name, live in found.items() if live and live.owner == metadata.uid)
        return replace(self._facts, autoscalers=owned)

    async def _settle(self, resource: RuntimeDeployment, manifest: Manifest) -> Shortfall | None:
        """Apply one object where that is needed and permitted."""
        key, digest = manifest.key, digest_of(manifest.body)
        if held := self._memory.held(key, digest):
            return held.shortfall
        try:
            return await self._reconcile_newest(resource, manifest, digest)
        except _REFUSALS as error:
            return self._fail(key, digest, shortfalls.refused(key, _words(error)))

    async def _reconcile_newest(self, resource: RuntimeDeployment, manifest: Manifest, digest: str) -> Shortfall | None:
        for _ in range(_LOOKS):
            try:
                return await self._reconcile(resource, manifest, digest)
            except ConflictError:  # another version by now, or another object
                self._stock.drop(manifest.key)
        return await self._reconcile(resource, manifest, digest)

    async def _reconcile(self, resource: RuntimeDeployment, manifest: Manifest, digest: str) -> Shortfall | None:
        key = manifest.key
        live = self._stock.get(key) or await self._found(key)
        if live is None:
            await self._apply(manifest, digest)
            return None
        if live.owner != resource.metadata.uid and not self._memory.knows(key, live):
            is_old = live.owner_name == resource.metadata.name  # a deleted namesake's: it is being collected
            return self._fail(key, digest, shortfalls.going(key) if is_old else shortfalls.taken(key))
        self._stock.put(key, live)
        if live.is_going:
            return shortfalls.going(key)
        if self._memory.needs(key, digest, live):
            await self._apply(manifest, digest, await self._hand_over(manifest, live))
        return None

    async def _found(self, key: Key) -> Standing | None:
        try:
            return Standing.of(key.kind, await self._cluster.get(KINDS[key.kind], key.namespace, key.name))
        except NotFoundError:
            return None

    async def _apply(self, manifest: Manifest, digest: str, live: Standing | None = None) -> None:
        """Apply; where an object is there, only to that very version: a write that comes late changes nothing."""
        key = manifest.key
        metadata = manifest.body["metadata"] | (live.precondition if live else {})
        body = manifest.body | {"metadata": metadata}
        answer = await self._writer.apply(KINDS[key.kind], key.namespace, body)
        found = Standing.of(key.kind, answer)
        self._stock.put(key, found)
        is_repair = self._memory.applied(key, digest, found)
        log.info("repaired" if is_repair else "applied", extra={"object": str(key)})

    async def _hand_over(self, manifest: Manifest, live: Standing) -> Standing:
        """Keep the number of pods where it becomes an autoscaler's: a field that nobody holds falls back to 1."""
        key = manifest.key
        if key.kind != "Deployment" or "replicas" in manifest.body["spec"] or not live.holds_replicas:
            return live
        body = {
            "apiVersion": manifest.body["apiVersion"],
            "kind": key.kind,
            "metadata": {"name": key.name} | live.precondition,
            "spec": {"replicas": live.replicas},
        }
        answer = await self._writer.apply_as(SCALE_MANAGER, KINDS[key.kind], key.namespace, body)
        return Standing.of(key.kind, answer)

    async def _remove(self, resource: RuntimeDeployment, wanted: set[Key]) -> list[Shortfall]:
        """Delete what this runtime owns and asks for no longer; what serves requests goes a little later."""
        self._memory.wanted(wanted)
        unwanted = [
            (key, live)
            for key, live in self._stock.of_owner(resource.metadata.uid)
            if key not in wanted and not live.is_going and self._memory.may_remove(key)
        ]
        return [found for key, live in unwanted if (found := await self._removed(key, live))]

    async def _removed(self, key: Key, live: Standing) -> Shortfall | None:
        if held := self._memory.held(key, _NOTHING):
            return held.shortfall
        try:
            await self._delete(key, live)
        except (RefusedError, NoAccessError, ConflictError) as error:
            return self._fail(key, _NOTHING, shortfalls.stays(key, _words(error)))
        self._forget(key)
        return None

    async def _delete(self, key: Key, live: Standing) -> None:
        """Delete in the version that was looked at; one that came since is looked at first."""
        found: Standing | None = live
        for tries_left in reversed(range(_LOOKS + 1)):
            if found is None or (found.uid, found.owner) != (live.uid, live.owner):
                break
            try:
                kind, version = KINDS[key.kind], str(found.version)
                await self._writer.delete(kind, key.namespace, key.name, uid=live.uid, resource_version=version)
            except NotFoundError:
                break
            except ConflictError:
                if not tries_left:
                    raise
            else:
                return
            found = await self._found(key)
        log.info("gone already", extra={"object": str(key)})

    def _forget(self, key: Key, uid: str = "") -> None:
        """Forget an object that is gone, only the one with that uid where given."""
        known = self._stock.get(key)
        if not uid or known is None or known.uid == uid:
            self._stock.drop(key)
            self._memory.forget(key)

    def _judged(self, key: Key, wanted: Plan) -> Shortfall | None:
        live = self._stock.get(key)
        if live is None:
            return None
        if key.kind == "Deployment":
            is_overdue = self._memory.is_overdue(key, is_short=shortfalls.has_lost_pods(live.told))
            return shortfalls.of_deployment(live.told, wanted.at_least[key], is_overdue=is_overdue)
        return shortfalls.of_autoscaler(live.told) if key.kind == _AUTOSCALER else None

    def _fail(self, key: Key, digest: str, shortfall: Shortfall) -> Shortfall:
        log.warning("not done: %s", shortfall.message)
        return self._memory.fail(key, digest, shortfall)


def _runtime(key: Key, standing: Standing) -> str | None:
    return f"{key.namespace}/{standing.owner_name}" if standing.owner_name else None


def _words(error: KubeError) -> str:
    """Return what the API server said, without the request that it was said to."""
    return str(error).partition(": ")[2] or str(error)
