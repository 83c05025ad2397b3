"""Run one Triton as a child process: start it, wait until it serves, stop it, notice its death."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from datetime import timedelta

from fourplane_worker.engine import orphans, processes
from fourplane_worker.engine.errors import EngineStartError
from fourplane_worker.engine.health import is_ready
from fourplane_worker.engine.launch import (
    Endpoints,
    EngineSettings,
    arguments,
    free_ports,
    guarded,
    memory_prefix,
)
from fourplane_worker.engine.lock import try_hold
from fourplane_worker.engine.log import EngineLog
from fourplane_worker.engine.provision import TritonInstall
from fourplane_worker.engine.settings import inherited_variables

Progress = Callable[[str], None]

_ATTEMPTS = 3
"""A port may be taken between the choice and Triton's bind; so few that a real fault shows soon."""
_POLL = 0.05
_NEWS_EVERY = 5.0
_LOG_CHECK = 10.0
_STOP_MARGIN = timedelta(seconds=3)
"""What a stop may take beyond Triton's own exit timeout before it is killed."""
_TAIL_LINES = 15


class TritonServer:
    """A Triton that this process owns; at most one for each run folder and name.

    It ends with the thread that started it, so start it from one that lives as long as the process.
    """

    def __init__(self, install: TritonInstall, settings: EngineSettings) -> None:
        self._install = install
        self._settings = settings
        self._log = EngineLog(settings.run_folder / f"{settings.name}.log", settings.log_limit)
        self._pid_file = settings.run_folder / f"{settings.name}.pid"
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._endpoints: Endpoints | None = None
        self._exited: asyncio.Future[int] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def log(self) -> EngineLog:
        """Return the log that the server writes."""
        return self._log

    @property
    def endpoints(self) -> Endpoints:
        """Return where it listens; only after a start."""
        if self._endpoints is None:
            raise RuntimeError("the engine was not started")
        return self._endpoints

    @property
    def exited(self) -> asyncio.Future[int]:
        """Return a future with the exit status (negative: a signal); wait for it shielded."""
        if self._exited is None:
            raise RuntimeError("the engine was not started")
        return self._exited

    @property
    def pid(self) -> int:
        """Return the number of the server's process; only after a start."""
        if self._process is None:
            raise RuntimeError("the engine was not started")
        return self._process.pid

    async def start(self, progress: Progress) -> Endpoints:
        """Start it, after ending an orphan of an earlier run; return once every model is loaded."""
        if self._exited is not None and not self._exited.done():
            raise RuntimeError("the engine runs already")
        self._take_lock()
        await asyncio.to_thread(self._end_orphan, progress)
        for attempt in range(1, _ATTEMPTS + 1):
            self._take_lock()
            try:
                return await self._start_once(progress)
            except EngineStartError:
                if attempt == _ATTEMPTS or not self._log.has("already in use"):
                    raise
                progress("a port was taken meanwhile, trying others")
        raise AssertionError("unreachable")

    async def stop(self) -> None:
        """Ask it to finish, kill it after the exit timeout, and tidy up; quiet if it is gone."""
        if self._process is None or self._watch is None:
            self._release_lock()
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        patience = (self._settings.exit_timeout + _STOP_MARGIN).total_seconds()
        try:
            await asyncio.wait_for(asyncio.shield(self._watch), patience)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._watch
        self._release_lock()

    async def _start_once(self, progress: Progress) -> Endpoints:
        at = free_ports()
        self._process = process = await self._spawn(at)
        self._endpoints = at
        self._exited = asyncio.get_running_loop().create_future()
        self._watch = asyncio.create_task(self._until_gone(process, self._exited))
        try:
            if (mark := processes.mark(process.pid)) is not None:
                processes.write_mark(self._pid_file, mark)
            await self._until_ready(at, progress)
        except BaseException:
            await self.stop()
            raise
        return at

    async def _spawn(self, at: Endpoints) -> asyncio.subprocess.Process:
        command = guarded(arguments(self._install.layout, self._settings, at))
        output = self._log.open_new()
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._install.environment(inherited_variables()),
                start_new_session=True,
            )
        finally:
            os.close(output)

    async def _until_ready(self, at: Endpoints, progress: Progress) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        news = begun + _NEWS_EVERY
        limit = self._settings.start_timeout.total_seconds()
        while not await is_ready(at):
            if self.exited.done():
                raise self._failure(f"Triton ended with status {self.exited.result()} at its start")
            if loop.time() - begun > limit:
                raise self._failure(f"Triton was not ready within {limit:.0f} s")
            if loop.time() > news:
                progress(f"Triton is loading models, {loop.time() - begun:.0f} s so far")
                news += _NEWS_EVERY
            await asyncio.wait([self.exited], timeout=_POLL)

    async def _until_gone(self, process: asyncio.subprocess.Process, exited: asyncio.Future[int]) -> None:
        """Keep the log in its bound while the server runs, and tidy up behind it."""
        waiting = asyncio.create_task(process.wait())
        while not (await asyncio.wait([waiting], timeout=_LOG_CHECK))[0]:
            await asyncio.to_thread(self._log.trim)
        await asyncio.to_thread(self._tidy, process.pid)
        if not exited.done():
            exited.set_result(waiting.result())

    def _take_lock(self) -> None:
        folder = self._settings.run_folder
        folder.mkdir(parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = try_hold(folder / f"{self._settings.name}.lock")
        if self._lock is None:
            problem = f"Another process runs the engine {self._settings.name} in {folder}"
            raise EngineStartError(problem, self._log.path, ())

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _failure(self, problem: str) -> EngineStartError:
        return EngineStartError(problem, self._log.path, self._log.tail(_TAIL_LINES))

    def _end_orphan(self, progress: Progress) -> None:
        grace = (self._settings.exit_timeout + _STOP_MARGIN).total_seconds()
        if orphans.end_orphan(self._pid_file, self._install.root, grace):
            progress("ended a Triton that an earlier run had left behind")
        orphans.free_memory(memory_prefix(self._settings))

    def _tidy(self, pid: int) -> None:
        orphans.end_group(pid, self._install.root)
        orphans.free_memory(memory_prefix(self._settings))
        self._pid_file.unlink(missing_ok=True)
