"""The Triton servers of managed pools: one for each, restarted when it dies, found by the worker through a file."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fourplane_cli.progress import Progress
from fourplane_worker.engine import EngineError

log = logging.getLogger(__name__)

_WAIT_LAST_S = 30.0
_SETTLED_AFTER_S = 60.0
"""A server that lived this long died of something new."""


class Server(Protocol):
    """A Triton that can be started again and again."""

    async def start(self, progress: Callable[[str], None]) -> Any:
        """Start it; returns an object whose `grpc` is its address."""
        ...

    async def stop(self) -> None:
        """End it."""
        ...

    @property
    def exited(self) -> asyncio.Future[int]:
        """A future with the exit status."""
        ...

    @property
    def pid(self) -> int:
        """Number of the process."""
        ...


MakeServer = Callable[[str, Path], Server]
"""Makes the server of a pool for a model repository."""


@dataclass(slots=True)
class Engine:
    """The server of one pool, as it is now."""

    pool: str
    repository: Path
    state: str = "Starting"
    address: str = ""
    pid: int | None = None
    restarts: int = 0
    failure: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, object]:
        """Return what the status shows."""
        return {
            "pool": self.pool,
            "state": self.state,
            "repository": str(self.repository),
            "address": self.address,
            "pid": self.pid,
            "restarts": self.restarts,
            "failure": self.failure,
        }


class Engines:
    """Runs a server for each managed pool."""

    def __init__(
        self,
        root: Path,
        make: MakeServer,
        publish: Callable[[Mapping[str, tuple[str, ...]]], None],
        progress: Progress,
        *,
        first_wait_s: float = 0.25,
    ) -> None:
        """Prepare; `publish` is told where every pool listens whenever that changes."""
        self._root = root
        self._make = make
        self._publish = publish
        self._progress = progress
        self._first_wait_s = first_wait_s
        self._engines: dict[str, Engine] = {}
        self.changed: Callable[[], None] = lambda: None

    def follow(self, repositories: Mapping[str, str]) -> None:
        """Start what is new, end what is gone; `repositories` has the model repository of each managed pool."""
        wanted = {name: (self._root / repository).resolve() for name, repository in repositories.items()}
        gone = {name: engine for name, engine in self._engines.items() if wanted.get(name) != engine.repository}
        for name, engine in gone.items():
            del self._engines[name]
            self._end(engine)
        for name, repository in wanted.items():
            if name not in self._engines:
                before = gone[name].task if name in gone else None
                self._engines[name] = engine = Engine(name, repository)
                engine.task = asyncio.create_task(self._run(engine, before))
        self._tell()

    def as_json(self) -> list[dict[str, object]]:
        """Return what the status shows."""
        return [engine.as_json() for engine in self._engines.values()]

    async def stop(self) -> None:
        """End every server."""
        tasks = [engine.task for engine in self._engines.values() if engine.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, engine: Engine) -> None:
        self._progress.say("engine", f"pool {engine.pool}: ending Triton, which is no longer asked for")
        if engine.task is not None:
            engine.task.cancel()

    async def _run(self, engine: Engine, before: asyncio.Task[None] | None) -> None:
        """Keep one server alive until this task is cancelled; first wait for the end of the one that it replaces."""
        if before is not None:
            await asyncio.wait([before])
        loop = asyncio.get_running_loop()
        wait_s = self._first_wait_s
        while True:
            begun = loop.time()
            try:
                server = await _in_thread(lambda: self._make(engine.pool, engine.repository))
                engine.failure = await self._live(engine, server)
            except EngineError as error:
                engine.failure = str(error)
            except Exception as error:
                log.exception("an engine can't be run", extra={"pool": engine.pool})
                engine.failure = f"{type(error).__name__}: {error}"
            settled = loop.time() - begun > _SETTLED_AFTER_S
            wait_s = self._first_wait_s if settled else min(2 * wait_s, _WAIT_LAST_S)
            self._down(engine, wait_s)
            await asyncio.sleep(wait_s)
            engine.restarts += 1

    async def _live(self, engine: Engine, server: Server) -> str:
        """Start the server and wait for its end; return what happened."""
        engine.state = "Starting"
        self.changed()
        try:
            at = await server.start(lambda line: self._progress.say("engine", f"pool {engine.pool}: {line}"))
            engine.state, engine.address, engine.pid, engine.failure = "Up", at.grpc, server.pid, ""
            self._progress.say("engine", f"pool {engine.pool}: Triton serves {engine.repository} on {at.grpc}")
            self._tell()
            status = await asyncio.shield(server.exited)
        finally:
            await server.stop()
        return f"Triton ended with status {status}" if status >= 0 else f"Triton was killed by signal {-status}"

    def _down(self, engine: Engine, wait_s: float) -> None:
        engine.state, engine.pid, engine.address = "Down", None, ""
        self._progress.warn("engine", f"pool {engine.pool}: {engine.failure}; starting it again in {wait_s:.1f} s")
        self._tell()

    def _tell(self) -> None:
        self._publish({engine.pool: (engine.address,) for engine in self._engines.values() if engine.address})
        self.changed()


async def _in_thread(work: Callable[[], Server]) -> Server:
    """Do what may take minutes, such as an installation, in a thread that holds up no exit."""
    done: Future[Server] = Future()

    def run() -> None:
        if done.set_running_or_notify_cancel():
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                done.set_exception(error)

    threading.Thread(target=run, name="engine", daemon=True).start()
    return await asyncio.wrap_future(done)
