"""One term of leadership: list everything, then follow, compile, publish and tell until the Lease is lost."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fourplane_compiler.workloads.settings import WorkloadSettings
from fourplane_core.control.snapshot import Digest
from fourplane_kube import Cluster, KubeError, Object
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT, WORKER_REPORT
from fourplane_operator.collecting import Collector
from fourplane_operator.errors import NotLeadingError
from fourplane_operator.gathering import Gathered
from fourplane_operator.gone import is_in
from fourplane_operator.guarded import Writer
from fourplane_operator.happenings import Happenings
from fourplane_operator.leadership import Clock, Leadership
from fourplane_operator.listing import USER_KINDS, Lister
from fourplane_operator.metrics import Metrics
from fourplane_operator.pacing import Bucket
from fourplane_operator.propagation import Revision
from fourplane_operator.provisioning import Provisioner
from fourplane_operator.provisioning_following import follow_made
from fourplane_operator.publishing import Access
from fourplane_operator.reports import Reports
from fourplane_operator.settings import OperatorSettings
from fourplane_operator.statuses import Statuses
from fourplane_operator.surroundings import Surroundings
from fourplane_operator.unit import Unit
from fourplane_wire.signing import Keyring, SigningKey

log = logging.getLogger(__name__)

_AFTER_LISTING_S = 5.0
"""kopf lists for itself, at its start and when a watch expired: what went unheard of is found by a look soon after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a term works with."""

    settings: OperatorSettings
    cluster: Cluster
    leadership: Leadership
    keys: tuple[SigningKey, ...]
    metrics: Metrics
    steady: Clock
    wall: Clock
    newest: Mapping[str, Revision] = field(default_factory=dict)
    """The newest decision of each runtime that this process ever heard of."""


@dataclass(slots=True, eq=False)
class Term:
    """Everything between becoming the leader and being it no more."""

    tools: Tools
    units: dict[str, Unit] = field(default_factory=dict)
    """By NAMESPACE/NAME of the runtime."""
    gathered: Gathered = field(init=False)
    _around: Surroundings = field(init=False)
    _happenings: Happenings = field(init=False)
    _group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _reports: Reports = field(init=False)
    _lister: Lister = field(init=False)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _has_looked: bool = False
    _is_running: bool = False
    _relisted: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Put the parts together."""
        tools, settings = self.tools, self.tools.settings
        writer = Writer(tools.cluster, tools.leadership)
        self.gathered = Gathered(self._woken)
        self._reports = Reports(lambda runtime: self._unit(runtime).heard, self._woken)
        self._lister = Lister(
            cluster=tools.cluster,
            namespaces=settings.namespaces,
            gathered=self.gathered,
            reports=self._reports,
            metrics=tools.metrics,
        )
        self._happenings = Happenings(
            writer,
            Bucket(settings.events_per_s, settings.events_burst, tools.steady),
            settings.identity,
            tools.wall,
            tools.metrics.events_dropped.inc,
        )
        statuses = Statuses(
            writer,
            self.gathered,
            Bucket(settings.status_writes_per_s, settings.status_burst, tools.steady),
            settings.status_after_s,
            writes=self._happenings.transition,
            wrote=tools.metrics.status_writes.inc,
        )
        keyring = Keyring([key.public for key in tools.keys])
        workloads = _with_keys(settings.workloads, tools.keys) if settings.workloads else None
        self._around = Surroundings(
            access=Access(cluster=tools.cluster, writer=writer, keys=tools.keys, keyring=keyring),
            gathered=self.gathered,
            statuses=statuses,
            newest=tools.newest,
            metrics=tools.metrics,
            steady=tools.steady,
            wall=tools.wall,
            settle_s=settings.settle_s,
            provisioner=Provisioner(tools.cluster, writer, workloads, tools.steady) if workloads else None,
        )

    @property
    def backlog(self) -> int:
        """How many statuses wait to be written."""
        return self._around.statuses.backlog

    async def run(self) -> None:
        """List everything, each namespace for itself, and go on until cancelled."""
        async with self._group as group:
            self._is_running = True
            group.create_task(self._around.statuses.run())
            group.create_task(self._happenings.run())
            group.create_task(self._resync())
            group.create_task(self._collect())
            if (provisioner := self._around.provisioner) is not None:
                made = follow_made(self.tools.cluster, self.tools.settings.namespaces, provisioner, self._provision)
                group.create_task(made)
            for namespace in self.tools.settings.namespaces or ("",):
                group.create_task(self._list_first(namespace))

    def saw(self, kind: str, document: Object) -> None:
        """Take an object in a new form."""
        if kind in USER_KINDS:
            self.gathered.saw(document)
        elif kind == WORKER_REPORT.kind:
            self._reports.saw(document)
        else:
            self._suspected(document)

    def lost(self, kind: str, document: Object) -> None:
        """Take note that an object is gone."""
        if kind in USER_KINDS:
            self.gathered.lost(document)
        elif kind == WORKER_REPORT.kind:
            self._reports.lost(document)
        else:
            self._suspected(document)

    def listed_again(self) -> None:
        """Take note that what is watched was listed: deletions before that were told by no event."""
        self._relisted.set()

    async def _list_first(self, namespace: str) -> None:
        await self._lister.first(namespace)
        async with self._looking:  # what the cluster can do is known before anything is made
            if not self._has_looked:
                await self._look_around()
            self._has_looked = True
        self._lister.complete.add(namespace)
        for runtime in {one.runtime for one in self.gathered.known.values()} | {*self.gathered.pending}:
            if not self._unit(runtime).is_running:
                self._woken(runtime)

    def _suspected(self, document: Object) -> None:
        if (unit := self.units.get(_path(document))) is not None:
            unit.suspect(int(document["metadata"].get("resourceVersion") or 0))

    def _provision(self, runtime: str) -> None:
        if (unit := self.units.get(runtime)) is not None:
            unit.provision()

    async def _look_around(self) -> None:
        """Find out what the cluster can do for workloads."""
        provisioner = self._around.provisioner
        try:
            if provisioner is not None and await provisioner.look():
                for unit in self.units.values():
                    unit.provision()
        except KubeError as error:
            log.warning("what the cluster can do is not known: %s", error)

    def _unit(self, runtime: str) -> Unit:
        if runtime not in self.units:
            self.units[runtime] = Unit(runtime, self._around)
        return self.units[runtime]

    def _woken(self, runtime: str) -> None:
        unit = self._unit(runtime)
        unit.wake()
        if self._is_running and not unit.is_running and self._lister.knows_all_of(runtime):
            unit.is_running = True
            self._group.create_task(self._run(unit))

    async def _run(self, unit: Unit) -> None:
        await unit.run()
        if self.units.get(unit.runtime) is unit and not unit.heard:
            del self.units[unit.runtime]
        unit.is_running = False

    async def _resync(self) -> None:
        """Find what no event told: deletions between two listings, and published things that somebody removed."""
        while True:
            await self._resync_due()
            for namespace in list(self._lister.complete):
                await self._lister.look(namespace)
            await self._look_around()
            for namespace in self._namespaces:
                try:
                    await self._heal(namespace)
                except (KubeError, NotLeadingError) as error:
                    log.warning("what is published in %s is looked through later: %s", namespace, error)

    async def _resync_due(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._relisted.wait(), self.tools.settings.resync_s)
            await asyncio.sleep(_AFTER_LISTING_S)
        self._relisted.clear()

    @property
    def _namespaces(self) -> set[str]:
        """Return the namespaces of runtimes; a route may name one that is not watched."""
        named, watched = {runtime.partition("/")[0] for runtime in self.units}, self.tools.settings.namespaces
        return named & {*watched} if watched else named

    async def _heal(self, namespace: str) -> None:
        found = [await self.tools.cluster.list_metadata(kind, namespace) for kind in (CONFIG_SHARD, CONFIG_SNAPSHOT)]
        names = frozenset(one["metadata"]["name"] for each in found for one in each)
        for unit in self.units.values():
            if unit.runtime.startswith(f"{namespace}/"):
                unit.check(names)

    async def _collect(self) -> None:
        collectors: dict[str, Collector] = {}
        while True:
            await asyncio.sleep(self.tools.settings.collect_s)
            for namespace in self._namespaces:
                if any(self._needs_unknown(one) for one in self.units.values() if is_in(one.runtime, namespace)):
                    continue
                collector = collectors.setdefault(namespace, self._collector(namespace))
                try:
                    await collector.look()
                except (KubeError, NotLeadingError) as error:
                    log.warning("garbage of %s is left for later: %s", namespace, error)

    def _needs_unknown(self, unit: Unit) -> bool:
        return unit.needs_unknown or not self._lister.knows_all_of(unit.runtime)

    def _collector(self, namespace: str) -> Collector:
        def needed() -> frozenset[Digest]:
            ours = (unit for unit in self.units.values() if unit.runtime.startswith(f"{namespace}/"))
            return frozenset(digest for unit in ours for digest in unit.needed())

        def asked() -> frozenset[str]:
            return frozenset(name for unit in self.units.values() for name in unit.asked_shards())

        tools = self.tools
        return Collector(
            namespace=namespace,
            cluster=tools.cluster,
            writer=self._around.access.writer,
            metrics=tools.metrics,
            needed=needed,
            asked=asked,
            keep=tools.settings.keep_snapshots,
        )


def _with_keys(workloads: WorkloadSettings, keys: tuple[SigningKey, ...]) -> WorkloadSettings:
    """Let workers trust what this operator signs."""
    return replace(workloads, public_keys={f"{key.public.key_id}.pub": key.public.pem().decode() for key in keys})


def _path(document: Object) -> str:
    metadata = document["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"
