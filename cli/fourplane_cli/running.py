"""One node: a folder compiled, published, served, and followed edit by edit."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fourplane_cli import findings as show
from fourplane_cli.elsewhere import engines_here, is_startable
from fourplane_cli.engines import Engines, MakeServer
from fourplane_cli.exits import ProblemsError
from fourplane_cli.progress import Progress
from fourplane_cli.publishing import Publisher
from fourplane_cli.sources import Reading, Sources
from fourplane_cli.waiting import say_what_is_missing
from fourplane_cli.watch import edits
from fourplane_core.control.snapshot import Snapshot
from fourplane_wire.signing import Keyring
from fourplane_worker.process.settings import WorkerSettings
from fourplane_worker.process.supervisor import Supervisor
from fourplane_worker.store import endpoints, files, keys, locks
from fourplane_worker.store.errors import StoreError
from fourplane_worker.store.layout import StateFolder

log = logging.getLogger(__name__)

_ACKNOWLEDGED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpSettings:
    """What `fourplane up` is told."""

    root: Path
    """The folder of resources."""
    runtime: str | None
    triton: str
    """Address of a Triton that runs already, for every pool without endpoints; empty: one is started for each."""
    worker: WorkerSettings


class Running:
    """A run of `fourplane up`."""

    def __init__(
        self, settings: UpSettings, make_server: MakeServer, now: Callable[[], float], progress: Progress
    ) -> None:
        """Prepare; `now` returns seconds since 1970."""
        root = settings.root
        self.settings = settings
        self.state = StateFolder(settings.worker.state)
        self.supervisor = Supervisor(settings.worker, now)
        self._progress = progress
        self._engines = Engines(root if root.is_dir() else root.parent, make_server, self._found, progress)
        self._engines.changed = self._tell
        self._compiled: dict[str, Any] = {}
        self._repositories: dict[str, str] = {}

    async def run(self, stopped: asyncio.Event, ready: Callable[[], Awaitable[None]]) -> None:
        """Serve until stopped; `ready` is called once, when everything that was asked for is up."""
        # Without a decision to go on from, a folder of nothing that can be served leaves nothing behind.
        reading = None if self.state.is_decided else await self._read_first(None)
        is_new = not self.state.is_made
        state = self.state.create()
        with locks.hold(state, "up"):
            self._found({})  # nothing of an earlier run listens any more
            if is_new:
                files.place(state.root / ".gitignore", b"*\n", durable=False)
            await self._begin(reading)
            await self.supervisor.start()
            try:
                self._follow(self._repositories)
                await self._serve(stopped, ready)
            finally:
                self._progress.say("stopping", "calls in flight may end first")
                await self.supervisor.stop()
                await self._engines.stop()
                self._progress.say("stopped", "everything that was started has ended")

    async def _begin(self, reading: Reading | None) -> None:
        """Compile and publish before anything is started; without anything to serve there is nothing to start."""
        state = self.state
        if state.is_decided and not keys.is_there(state):
            self._progress.warn("store", f"{state.keys}: the signing key is gone; a new one is made")
        self._publisher = Publisher(state, keys.signing_key(state), Keyring(keys.trusted_keys(state)))
        last_good = await asyncio.to_thread(self._publisher.begin)
        for problem in self._publisher.problems:
            self._progress.warn("store", str(problem))
        self._repositories = _recall(state)
        if reading is None or last_good is not None:
            reading = await self._read_first(last_good)
        self._take(reading)
        await self._publish(reading, first=True)

    async def _read_first(self, last_good: Snapshot | None) -> Reading:
        self._sources = Sources(
            self.settings.root, self.settings.runtime, last_good, has_engine=bool(self.settings.triton)
        )
        reading = await asyncio.to_thread(self._sources.read)
        self._progress.reading(reading, first=True)
        if reading.encoded is None and last_good is None:
            raise ProblemsError(reading.failure)
        return reading

    async def _serve(self, stopped: asyncio.Event, ready: Callable[[], Awaitable[None]]) -> None:
        tasks = [asyncio.create_task(each) for each in (stopped.wait(), self._watch(), self._until_ready(ready))]
        try:
            waiting = set(tasks)
            while tasks[0] in waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """Follow the folder."""
        async for _ in edits(self.settings.root, self.state.root):
            try:
                await self._read()
            except Exception as error:
                log.exception("an edit could not be taken")
                self._progress.warn("failed", f"{type(error).__name__}: {error}; what was served before is served on")

    async def _read(self) -> None:
        """Take an edit."""
        reading = await asyncio.to_thread(self._sources.read)
        self._progress.reading(reading, first=False)
        self._take(reading)
        self._follow(self._repositories)
        await self._publish(reading, first=False)

    def _take(self, reading: Reading) -> None:
        if reading.deployment is not None:
            self._repositories = dict(engines_here(reading.deployment))
            _remember(self.state, self._repositories)
        self._compiled = {
            "folder": str(self.settings.root),
            "failure": reading.failure,
            "findings": show.as_json(reading.findings),
            "held": [str(ref) for ref in reading.held],
        }

    async def _publish(self, reading: Reading, *, first: bool) -> None:
        """Write what is new, and tell when every process serves it."""
        if reading.encoded is None:
            self._tell()
            return
        begun = asyncio.get_running_loop().time()
        try:
            activation = await asyncio.to_thread(self._publisher.publish, reading.runtime, reading.encoded)
        except StoreError as error:
            self._progress.warn("publish", f"{error}; what was served before is served on")
            return
        self.supervisor.look()
        self._compiled["revision"] = self._publisher.revision
        self._tell()
        if activation is None:
            return
        name = f"revision {self._publisher.revision}, {activation.stable[:19]}"
        if first:
            self._progress.say("published", name)
        elif await self.supervisor.acknowledged(activation.epoch, activation.sequence, _ACKNOWLEDGED_WITHIN_S):
            took = (asyncio.get_running_loop().time() - begun) * 1000
            self._progress.say("served", f"{name}, by {self._by()} after {took:.0f} ms")
        else:
            why = "; ".join(problem["message"] for problem in self.supervisor.status()["rejected"]) or "see the log"
            self._progress.warn("rejected", f"{name}: {why}")
        await asyncio.to_thread(self._publisher.tidy)

    def _by(self) -> str:
        number = self.settings.worker.processes
        return "one process" if number == 1 else f"all {number} processes"

    async def _until_ready(self, ready: Callable[[], Awaitable[None]]) -> None:
        await self.supervisor.accepting()
        self._say_where()
        waiting = asyncio.create_task(say_what_is_missing(self.supervisor.status, self._progress))
        try:
            await self.supervisor.everything_up()
        finally:
            waiting.cancel()
        self._progress.say("ready", f"clients connect to {self.supervisor.listen}")
        await ready()

    def _say_where(self) -> None:
        supervisor = self.supervisor
        self._progress.say("listening", f"on {supervisor.listen}, by {self._by()}")
        if supervisor.metrics:
            self._progress.say("metrics", f"on http://{supervisor.metrics}/metrics; /readyz and /healthz beside it")

    def _follow(self, repositories: Mapping[str, str]) -> None:
        if self.settings.triton:
            self._found(dict.fromkeys(repositories, (self.settings.triton,)))
        else:
            self._engines.follow({name: place for name, place in repositories.items() if is_startable(place)})

    def _found(self, pools: Mapping[str, tuple[str, ...]]) -> None:
        try:
            endpoints.write(self.state, pools)
        except StoreError as error:
            self._progress.warn("endpoints", f"{error}; the worker does not hear where engines are")
        self.supervisor.look()

    def _tell(self) -> None:
        self.supervisor.about = {"compile": self._compiled, "engines": self._engines.as_json()}


def _remember(state: StateFolder, repositories: Mapping[str, str]) -> None:
    """Keep which servers were asked for: a snapshot does not say, and the sources may be broken at the next start."""
    files.place(state.root / "engines.json", json.dumps(repositories, indent=2).encode() + b"\n", durable=False)


def _recall(state: StateFolder) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        known = json.loads((state.root / "engines.json").read_bytes())
        return {str(name): str(repository) for name, repository in known.items()}
    return {}
