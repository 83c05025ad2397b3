"""One place for a worker process: started, listened to, started again when it dies."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fourplane_worker.engine import processes
from fourplane_worker.process.channel import Channel
from fourplane_worker.process.messages import (
    Activated,
    ChannelError,
    Drain,
    Failed,
    Message,
    Offer,
    Reach,
    Rejected,
    Report,
    Start,
    Started,
)
from fourplane_worker.store.layout import StateFolder

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "fourplane_worker.process.worker", "--fd")
"""Starts a worker process; -P keeps modules of the working folder out."""
_WAIT_FIRST_S, _WAIT_LAST_S = 0.1, 10.0
_SETTLED_AFTER_S = 30.0
"""A process that lived this long died of something new."""
_STOP_MARGIN_S = 3.0
_ORPHAN_PATIENCE_S = 3.0
_START_PATIENCE = 4
"""How many times longer a process may be silent before it accepts clients: a large snapshot takes a while."""


class Listener(Protocol):
    """Hears what happens at a place."""

    def changed(self, child: "Child") -> None:
        """Hear that a process started, died, or answered an offer."""
        ...

    def reported(self, child: "Child", report: Report) -> None:
        """Take numbers."""
        ...

    def ended(self, child: "Child") -> None:
        """Hear that a process is gone, after its last numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a process does not take an offer."""

    offer: Offer
    reason: str
    message: str


class Child:
    """A place, and the process that is there now."""

    def __init__(self, index: int, state: StateFolder, start: Callable[[int], Start], listener: Listener) -> None:
        """Prepare; `start` tells each new process what to begin with."""
        self.index = index
        self.pid: int | None = None
        self.serving: Offer | None = None
        """What its process acknowledged."""
        self.refusal: Refusal | None = None
        """Why it did not acknowledge what it was offered last."""
        self.is_listening = False
        self.restarts = 0
        self.failure = ""
        """Why there is no process; empty while there is one."""
        self.pools: dict[str, dict[str, Reach]] = {}
        """What its process said last of engines, by pool and address."""
        self._start = start
        self._listener = listener
        self._mark = state.run / f"process-{index}.pid"
        self._channel: Channel | None = None
        self._heard_at = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """End what an earlier supervisor left at this place, and start a process."""
        mark = processes.read_mark(self._mark)
        if mark is not None:
            await asyncio.to_thread(processes.end, mark, _ORPHAN_PATIENCE_S)
        self._task = asyncio.create_task(self._run())

    def send(self, message: Message) -> None:
        """Tell the process something; a place without one tells the next process at its start."""
        if self._channel is not None:
            self._channel.send(message)

    async def stop(self, grace_s: float) -> None:
        """Let the process end its calls, then end it whatever it does."""
        self._stopping.set()
        self.send(Drain(grace_s=grace_s))
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=grace_s + _STOP_MARGIN_S)
        if self._process is not None and self._process.returncode is None:
            log.warning("killing a process that does not end", extra={"index": self.index, "pid": self.pid})
            self._kill()
        await self._task

    def check(self, now: float, silence_s: float) -> None:
        """Kill a process that has stopped to answer: whoever is connected to it waits in vain."""
        patience_s = silence_s if self.is_listening else _START_PATIENCE * silence_s
        if self._channel is not None and now - self._heard_at > patience_s:
            log.error("killing a process that is silent", extra={"index": self.index, "pid": self.pid})
            self._heard_at = now
            self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = _WAIT_FIRST_S
        while not self._stopping.is_set():
            begun = loop.time()
            try:
                status = await self._live()
            except Exception as error:
                log.exception("a worker process can't be started or listened to", extra={"index": self.index})
                status, self.failure = 1, f"it can't be started: {error}"
                self._kill()
            self._mark.unlink(missing_ok=True)
            if self._stopping.is_set():
                return
            wait_s = _WAIT_FIRST_S if loop.time() - begun > _SETTLED_AFTER_S else min(2 * wait_s, _WAIT_LAST_S)
            self.restarts += 1
            self.failure = f"{self.failure or _ending(status)}; starting another in {wait_s:.1f} s"
            log.error("worker process %d ended: %s", self.index, self.failure, extra={"status": status})
            self._listener.changed(self)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _live(self) -> int:
        """Start a process and listen to it until it is gone; return its exit status."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = process = await asyncio.create_subprocess_exec(
                *COMMAND, str(theirs.fileno()), stdin=asyncio.subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
            )
        self.pid, self.failure, self.refusal = process.pid, "", None
        self._heard_at = asyncio.get_running_loop().time()
        self._channel = channel = await Channel.over(ours)
        mark = processes.mark(process.pid)
        if mark is not None:
            processes.write_mark(self._mark, mark)
        channel.send(self._start(self.index))
        if self._stopping.is_set():
            channel.send(Drain(grace_s=0))
        try:
            async for message in channel.receive():
                self._heard_at = asyncio.get_running_loop().time()
                self._hear(message)
        except ChannelError:
            log.exception("the control channel broke", extra={"index": self.index})
        finally:
            channel.close()
            self.serving, self.is_listening, self._channel, self.pools = None, False, None, {}
        status = await self._gone(process)
        self.pid = None
        self._listener.ended(self)
        return status

    async def _gone(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the end of a process that has closed its channel."""
        try:
            return await asyncio.wait_for(process.wait(), _STOP_MARGIN_S)
        except TimeoutError:
            self._kill()
            return await process.wait()

    def _hear(self, message: Message) -> None:
        match message:
            case Started():
                self.is_listening = True
            case Activated():
                self.serving, self.refusal = Offer(**message.offer), None
            case Rejected():
                self.refusal = Refusal(Offer(**message.offer), message.reason, message.message)
            case Failed():
                self.failure = message.message
                return
            case Report():
                if message.pools is not None:
                    self.pools = {pool: _reached(found) for pool, found in message.pools.items()}
                self._listener.reported(self, message)
                return
            case _:
                log.error("an unexpected message came from a process", extra={"kind": message.kind})
                return
        self._listener.changed(self)


def _reached(addresses: dict[str, dict[str, Any]]) -> dict[str, Reach]:
    return {address: Reach(**fields) for address, fields in addresses.items()}


def _ending(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"it ended with status {status}"
