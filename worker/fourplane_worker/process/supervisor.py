"""The supervisor: holds the port, verifies and distributes snapshots, keeps processes alive, says how things are."""

import asyncio
import contextlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fourplane_worker.process import preflight
from fourplane_worker.process.addresses import bound, parse, reserve
from fourplane_worker.process.admin import AdminServer, Page
from fourplane_worker.process.beside import Beside, Parts
from fourplane_worker.process.fleet import Fleet
from fourplane_worker.process.intake import Intake
from fourplane_worker.process.messages import Offer, Start
from fourplane_worker.process.settings import WorkerSettings
from fourplane_worker.process.status import Facts, status, tally
from fourplane_worker.process.trust import Trust
from fourplane_worker.store import files, locks
from fourplane_worker.store.errors import StoreError
from fourplane_worker.store.layout import StateFolder
from fourplane_worker.telemetry.metrics import Exposition, State
from fourplane_worker.telemetry.rates import Window

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
"""Two calls of stat: nothing to save by a watch that not every file system has."""
_TELL_EVERY_S = 1.0
_AGAIN_EVERY = 50
"""Looks after which what was refused is tried again: somebody may have repaired what it names."""
_PORT_PATIENCE_S = 3.0
"""How long processes of an earlier supervisor may take to let go of the port."""


class Supervisor:
    """One worker: `start`, then `stop`; everything between happens by itself."""

    def __init__(self, settings: WorkerSettings, now: Callable[[], float], beside: Beside | None = None) -> None:
        """Prepare; `now` returns seconds since 1970."""
        self.settings = settings
        self.beside = beside or Beside()
        self.state = StateFolder(settings.state)
        self.listen = ""
        """Where clients connect, after the start."""
        self.metrics = ""
        """Where the pages for machines are, after the start; empty: nowhere."""
        self.about: Mapping[str, Any] = {}
        """Added to the status."""
        self._now = now
        self._started = ""
        self._held = contextlib.ExitStack()
        self._window = Window()
        self._draining = False
        self._nudged = asyncio.Event()
        self._propagation_s: float | None = None
        self._written = b""
        self._tasks: list[asyncio.Task[None]] = []
        self._confirming: asyncio.Task[None] | None = None
        """Waits until every process serves the newest offer."""
        self._fleet = Fleet(self.state, settings.processes, self._start_message)
        self._exposition = Exposition(self._metrics_state)
        self._admin = AdminServer({"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz})

    async def start(self) -> None:
        """Take the port, the last good snapshot and start the processes; raise SetupError or StoreError."""
        try:
            await self._begin()
        except BaseException:
            await self._admin.stop()
            self._held.close()
            raise

    async def _begin(self) -> None:
        settings = self.settings
        preflight.check(settings)
        state = self.state.create()
        self._held.enter_context(locks.hold(state, "worker"))
        self._trust = Trust(state, settings.public_keys)
        address = parse(settings.listen)
        holder = self._held.enter_context(await reserve(address, _PORT_PATIENCE_S))
        self._address = bound(address, holder)
        self.listen = str(self._address)
        if settings.metrics:
            self.metrics = str(await self._admin.start(parse(settings.metrics)))
        self._sockets = state.sockets()
        self._started = self._timestamp()
        self._intake = Intake(state, self._trust.keyring, self.beside.runtime)
        await asyncio.to_thread(self._intake.begin)
        await self._fleet.begin()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._tell())]
        log.info("listening", extra={"address": self.listen, "processes": settings.processes})

    async def stop(self, grace_s: float | None = None) -> None:
        """Let calls in flight end, end every process, and let go of the state folder."""
        self._draining = True
        for task in (*self._tasks, self._confirming):
            if task is not None:
                task.cancel()
        self._write_status()
        await self._fleet.stop(self.settings.grace_s if grace_s is None else grace_s)
        await self._admin.stop()
        self.state.status.unlink(missing_ok=True)
        if self._sockets != self.state.run.absolute():
            with contextlib.suppress(OSError):  # a process that was killed has left its socket: the next run takes it
                self._sockets.rmdir()
        self._held.close()

    async def acknowledged(self, epoch: int, sequence: int, within_s: float) -> bool:
        """Wait until every process serves an activation, or a newer one; false if that takes too long or is refused."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while loop.time() < deadline:
            offer = self._intake.offer
            if offer is not None and (offer.epoch, offer.sequence) >= (epoch, sequence) and self._fleet.serves(offer):
                return True
            await self._fleet.changes(min(deadline - loop.time(), _LOOK_EVERY_S))
        return False

    def look(self) -> None:
        """Look at the state folder now: something was written there."""
        self._nudged.set()

    @property
    def parts(self) -> Parts:
        """What the one beside it looks at, after the start."""
        return Parts(self.state, self._intake, self._fleet, self.look)

    async def accepting(self) -> None:
        """Wait until every process accepts clients."""
        while not self._fleet.is_listening:
            await self._fleet.changes(_TELL_EVERY_S)

    async def everything_up(self) -> None:
        """Wait until the newest snapshot is served, nothing is refused and every endpoint is reached."""
        while self.status()["state"] != "Ready":
            await self._fleet.changes(_TELL_EVERY_S)
        self._write_status()

    @property
    def is_ready(self) -> bool:
        """Tell whether every process serves an acknowledged snapshot, be it the newest or the one before."""
        return self._fleet.is_serving and not self._draining

    def status(self) -> dict[str, Any]:
        """Return what `fourplane status` prints."""
        facts = Facts(
            pid=os.getpid(),
            started=self._started,
            listen=self.listen,
            metrics=self.metrics,
            tls=bool(self.settings.tls_cert),
            draining=self._draining,
            rates=self._window.rates(),
            propagation_s=self._propagation_s,
            about={**self.about, **self.beside.about()},
            problems=self.beside.problems(),
        )
        return status(facts, self._intake, self._fleet)

    def _start_message(self, index: int) -> Start:
        settings, offer = self.settings, self._intake.offer
        return Start(
            index=index,
            state=str(self.state.root.absolute()),
            host=self._address.host,
            port=self._address.port,
            keys=[key.raw.hex() for key in self._trust.keys],
            socket=str(self._sockets / f"local-{index}.sock"),
            tls_cert=settings.tls_cert,
            tls_key=settings.tls_key,
            grace_s=settings.grace_s,
            log_level=settings.log_level,
            log_format=settings.log_format,
            offer=asdict(offer) if offer else None,
            found={name: list(addresses) for name, addresses in self._intake.found.items()},
        )

    async def _watch(self) -> None:
        """Follow the state folder."""
        looks = 0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), _LOOK_EVERY_S)
            self._nudged.clear()
            looks += 1
            again = looks % _AGAIN_EVERY == 0
            try:
                if again and await asyncio.to_thread(self._trust.look):
                    self._intake.keyring = self._trust.keyring
                    self._fleet.trust(self._trust.keys)
                    self.beside.again()
                await self._look(again=again and "activation" in self._intake.problems)
                if again:
                    self._fleet.offer_again()
            except Exception:
                log.exception("the state folder can't be followed; trying again")

    async def _look(self, *, again: bool) -> None:
        intake, problems = self._intake, dict(self._intake.problems)
        is_new = await asyncio.to_thread(intake.look, again=again)
        if is_new and intake.snapshot is not None:
            await self.beside.prepare(intake.snapshot)
        if intake.look_for_endpoints():
            self._fleet.found(intake.found)
        if is_new and intake.offer is not None:
            self._distribute(intake.offer)
        if intake.problems != problems:
            self._fleet.wake()

    def _distribute(self, offer: Offer) -> None:
        log.info("offering a snapshot", extra=asdict(offer))
        begun = asyncio.get_running_loop().time()
        self._fleet.offer(offer)
        if self._confirming is not None:
            self._confirming.cancel()
        self._confirming = asyncio.create_task(self._confirm(offer, begun))

    async def _confirm(self, offer: Offer, begun: float) -> None:
        loop = asyncio.get_running_loop()
        while self._intake.offer == offer and not self._fleet.serves(offer):
            await self._fleet.changes(_TELL_EVERY_S)
        if self._intake.offer == offer:
            self._propagation_s = round(loop.time() - begun, 4)
            log.info("every process serves the snapshot", extra=asdict(offer) | {"seconds": self._propagation_s})
            self._write_status()

    async def _tell(self) -> None:
        """Gather numbers and say how things are, about once a second; end processes that don't answer."""
        loop = asyncio.get_running_loop()
        while True:
            await self._fleet.report()
            self._window.add(loop.time(), self._fleet.totals.series().values())
            self._write_status()
            for child in self._fleet.children:
                child.check(loop.time(), self.settings.silence_s)
            await asyncio.sleep(_TELL_EVERY_S if self.is_ready else _LOOK_EVERY_S)

    def _write_status(self) -> None:
        content = json.dumps(self.status(), indent=2).encode() + b"\n"
        if content != self._written:
            try:
                files.place(self.state.status, content, durable=False)
                self._written = content
            except StoreError as error:
                log.warning("the status can't be written: %s", error)

    def _timestamp(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")

    def _metrics_state(self) -> State:
        intake, fleet, following = self._intake, self._fleet, self.beside.following()
        acknowledged = fleet.acknowledged
        return State(
            series=fleet.totals.series(),
            numbers=fleet.totals.numbers(),
            runtime=intake.snapshot.runtime.name if intake.snapshot else "",
            served=acknowledged.digest if acknowledged else "",
            desired=intake.offer.digest if intake.offer else "",
            rejected=intake.rejected + Counter(following.refused if following else {}),
            endpoints={pool: tally(addresses) for pool, addresses in fleet.endpoints().items()},
            processes=(sum(child.is_listening for child in fleet.children), len(fleet.children)),
            restarts=sum(child.restarts for child in fleet.children),
            propagation_s=self._propagation_s,
            ready=self.is_ready,
            absent_s=following.absent_s if following else None,
        )

    async def _metrics(self, accept: str) -> Page:
        await self._fleet.report()
        content_type, content = self._exposition.page(accept)
        return Page(HTTPStatus.OK, content, content_type)

    async def _healthz(self, _accept: str) -> Page:
        return Page(HTTPStatus.OK, b"ok\n")

    async def _readyz(self, _accept: str) -> Page:
        if self.is_ready:
            return Page(HTTPStatus.OK, b"ok\n")
        waiting = [child.index for child in self._fleet.children if not child.is_listening]
        missing = ": ".join(["no snapshot", *filter(None, [self.beside.waits_for()])])
        why = "draining" if self._draining else missing if self._intake.offer is None else ""
        why = why or (f"processes that do not listen yet: {waiting}" if waiting else "a snapshot is being taken")
        return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {why}\n".encode())
