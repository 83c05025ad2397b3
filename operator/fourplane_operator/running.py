"""The operator as a whole: connect, watch, stand for the Lease, lead while it is held."""

import asyncio
import contextlib
import logging
import time

from fourplane_kube import Cluster, Kind, KubeError, NoAccessError, NotFoundError, Object, connect
from fourplane_kube.following import backoff
from fourplane_kube.kinds import RUNTIME_ACTIVATION
from fourplane_operator import keys, pages, watching
from fourplane_operator.leadership import Leadership, since_boot
from fourplane_operator.metrics import Metrics
from fourplane_operator.propagation import Revision
from fourplane_operator.settings import OperatorSettings
from fourplane_operator.term import Term, Tools
from fourplane_wire.signing import SigningKey

log = logging.getLogger(__name__)

_TELL_EVERY_S = 1.0
_RIGHTS_EVERY_S = 10.0
_SETTLED_S = 60.0
"""Seconds after which what ends watching is no repetition of what ended it before."""


class Operator:
    """One operator process: `run` until `stop` is set."""

    def __init__(self, settings: OperatorSettings, stop: asyncio.Event) -> None:
        """Prepare."""
        self.settings = settings
        self._stop = stop
        self._metrics = Metrics()
        self._term: Term | None = None
        self._newest: dict[str, Revision] = {}
        """The newest decision of each runtime, be it ours or that of another leader."""
        self._is_watching = False
        self._rewatch = asyncio.Event()
        self._anew = asyncio.Event()
        """Set when all that is known may be wrong."""

    async def run(self) -> None:
        """Go on until stopped; raise SetupError for what can't work."""
        main = asyncio.create_task(self._main())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({main, stopped}, return_when="FIRST_COMPLETED")
        for task in (main, stopped):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await main

    async def _main(self) -> None:
        settings = self.settings
        async with contextlib.AsyncExitStack() as stack:
            if settings.metrics:
                page = pages.serving(settings.metrics, self._metrics.registry, self._not_ready)
                log.info("pages for machines", extra={"address": await stack.enter_async_context(page)})
            cluster = await stack.enter_async_context(connect(settings.kubeconfig))
            self._metrics.counting(cluster)
            leadership = Leadership(cluster, settings.lease, settings.identity, since_boot, time.time)
            stack.push_async_callback(leadership.release)
            tools = Tools(
                settings=settings,
                cluster=cluster,
                leadership=leadership,
                keys=await self._signing_keys(cluster),
                metrics=self._metrics,
                steady=time.monotonic,
                wall=time.time,
                newest=self._newest,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(cluster))
                group.create_task(self._tell())
                group.create_task(self._notice_restores(leadership))
                group.create_task(leadership.run(lambda: self._lead(tools)))

    async def _signing_keys(self, cluster: Cluster) -> tuple[SigningKey, ...]:
        settings, failures = self.settings, 0
        if settings.signing_keys:
            return keys.from_files(settings.signing_keys)
        while True:
            try:
                return (await keys.from_secret(cluster, settings.lease.namespace, settings.signing_key_secret),)
            except KubeError as error:
                failures += 1
                log.warning("the signing key can't be read yet: %s", error)
                await asyncio.sleep(backoff(failures))

    async def _notice_restores(self, leadership: Leadership) -> None:
        """Forget everything when etcd was restored: who leads lists again, and everyone watches again."""
        while True:
            await leadership.restored.wait()
            leadership.restored.clear()
            self._anew.set()
            self._rewatch.set()

    async def _lead(self, tools: Tools) -> None:
        """Be the leader until cancelled, or until etcd was restored: then begin anew."""
        while not self._stop.is_set():
            self._anew.clear()
            term = Term(tools)
            self._term = term
            self._metrics.leader.set(1)
            leading = asyncio.ensure_future(term.run())
            anew = asyncio.ensure_future(self._anew.wait())
            try:
                await asyncio.wait({leading, anew}, return_when="FIRST_COMPLETED")
                if leading.done():
                    leading.result()
            finally:
                self._term = None
                self._metrics.leader.set(0)
                self._metrics.listed.clear()
                for task in (leading, anew):
                    task.cancel()
                await asyncio.gather(leading, anew, return_exceptions=True)

    async def _watch(self, cluster: Cluster) -> None:
        """Keep kopf watching; it is started anew when resource versions went back, and when it fails."""
        failures = 0
        while True:
            namespaces = await self._served(cluster)
            self._rewatch.clear()
            ready = asyncio.Event()
            noting = [
                asyncio.create_task(self._note_watching(ready)),
                asyncio.create_task(self._note_rights(cluster, namespaces)),
            ]
            begun = time.monotonic()
            try:
                watched = [one for one in namespaces if one]
                await watching.watch(cluster.configuration, watched, self._heard, stop=self._rewatch, ready=ready)
            except Exception as error:  # noqa: BLE001 - whatever ends kopf must not end the operator
                failures = failures + 1 if time.monotonic() - begun < _SETTLED_S else 1
                log.warning("watching ended, it begins anew: %s", error)
                await asyncio.sleep(backoff(failures))
            finally:
                for task in noting:
                    task.cancel()
                self._is_watching = False

    async def _note_watching(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self._is_watching = True

    async def _note_rights(self, cluster: Cluster, watched: tuple[str, ...]) -> None:
        """Watch anew when a namespace can be listed that could not be."""
        if missing := {*self._all} - {*watched}:
            log.warning("not watched as long as they can't be listed: %s", ", ".join(sorted(missing)))
        while missing:
            await asyncio.sleep(_RIGHTS_EVERY_S)
            with contextlib.suppress(KubeError):
                if missing & {*await self._listable(cluster)}:
                    self._rewatch.set()
                    return

    async def _served(self, cluster: Cluster) -> tuple[str, ...]:
        """Wait until every kind is served, since kopf looks for them once; return where they may be listed."""
        failures = 0
        while True:
            try:
                return await self._listable(cluster)
            except KubeError as error:
                failures += 1
                log.warning("a kind can't be listed yet; is the chart of the definitions installed? %s", error)
                await asyncio.sleep(backoff(failures))

    async def _listable(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the namespaces where every kind may be listed; raise if that is nowhere, or not known."""
        found, refusal = [], None
        for namespace in self._all:
            try:
                for kind in watching.WATCHED:
                    await cluster.peek(kind, namespace)
            except (NoAccessError, NotFoundError) as error:
                refusal = error
            else:
                found.append(namespace)
        if refusal is not None and not found:
            raise refusal
        return tuple(found)

    @property
    def _all(self) -> tuple[str, ...]:
        """Return the namespaces to watch; the empty one is all."""
        return self.settings.namespaces or ("",)

    def _heard(self, kind: Kind, event: str, document: Object) -> None:
        if kind is RUNTIME_ACTIVATION:
            self._note_decision(document)
        term = self._term
        if term is None:
            return
        (term.lost if event == "DELETED" else term.saw)(kind.kind, document)
        if not event:
            term.listed_again()

    def _note_decision(self, document: Object) -> None:
        metadata, spec = document["metadata"], document["spec"]
        runtime = f"{metadata['namespace']}/{metadata['name']}"
        self._newest[runtime] = max(self._newest.get(runtime, (0, 0)), (int(spec["epoch"]), int(spec["sequence"])))

    async def _tell(self) -> None:
        while True:
            if (term := self._term) is not None:
                self._metrics.runtimes.set(len(term.units))
                self._metrics.status_backlog.set(term.backlog)
            await asyncio.sleep(_TELL_EVERY_S)

    def _not_ready(self) -> str:
        if self._stop.is_set():
            return "stopping"
        return "" if self._is_watching else "the kinds can't be watched yet"
