"""A worker process (`python -m fourplane_worker.process.worker`): serves what its supervisor offers."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
from dataclasses import asdict
from pathlib import Path

import uvloop

from fourplane_wire.signing import Keyring, PublicKey
from fourplane_worker.front.front import Front
from fourplane_worker.local.server import LocalServices
from fourplane_worker.process.channel import Channel
from fourplane_worker.process.errors import SetupError
from fourplane_worker.process.loading import Loader
from fourplane_worker.process.messages import (
    Activated,
    Ask,
    Drain,
    Failed,
    Found,
    Message,
    Offer,
    Rejected,
    Start,
    Started,
    Trusted,
)
from fourplane_worker.process.reports import Reporter
from fourplane_worker.process.tls import server_context
from fourplane_worker.store.errors import StoreError
from fourplane_worker.telemetry import logs
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing

log = logging.getLogger(__name__)

_ORPHAN_GRACE_S = 2.0
"""Time that calls in flight get when the supervisor is gone: another one may want to start."""
_SWITCH_S = 0.001
"""Longest turn of a thread that loads a snapshot while requests wait, in seconds; Python's default is 5 ms."""


class Worker:
    """One process: its front and the channel to its supervisor."""

    def __init__(self, channel: Channel, start: Start, front: Front) -> None:
        """Prepare to serve."""
        self._channel = channel
        self._start = start
        self._front = front
        self._local: LocalServices | None = None
        self._loader = Loader(Path(start.state), _keyring(start.keys))
        self._reporter = Reporter(front)
        self._wanted: Offer | None = None
        self._activating: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        self._is_open = False
        self._tls: ssl.SSLContext | None = None
        self._grace_s = start.grace_s

    async def serve(self) -> None:
        """Serve until asked to stop, or until the supervisor is gone."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, self._start.grace_s)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group; the supervisor answers
        await self._begin()
        listening = asyncio.create_task(self._listen())
        await self._stopped.wait()
        log.info("draining", extra={"open_calls": self._front.cells.open_calls, "grace_s": self._grace_s})
        await self._front.drain(self._grace_s)
        listening.cancel()
        if self._activating is not None:
            self._activating.cancel()
        if self._local is not None:
            await self._local.stop()
        await asyncio.to_thread(self._front.tracing.shutdown)

    async def _begin(self) -> None:
        start = self._start
        self._tls = server_context(start.tls_cert, start.tls_key)
        await self._begin_local()
        self._front.discover({name: tuple(addresses) for name, addresses in start.found.items()})
        if start.offer is not None:
            await self._activate(Offer(**start.offer))
        else:
            await self._open()

    async def _open(self) -> None:
        """Accept clients; a process that can't take what the others serve stays away from them until it can."""
        if self._is_open:
            return
        self._is_open = True
        gc.collect()
        gc.freeze()  # what lives as long as the process need not be walked through again
        start = self._start
        try:
            await self._front.listen(start.host, start.port, self._tls)
        except OSError as error:
            raise SetupError(f"{start.host}:{start.port} can't be listened on: {error}") from error
        self._channel.send(Started(pid=os.getpid()))

    async def _begin_local(self) -> None:
        """Start the local services; inference does not depend on them, so their failure is said and no more."""
        if not self._start.socket:
            return
        try:
            self._local = LocalServices(self._front, self._start.socket, secrets.token_urlsafe(32))
            await self._local.start()
        except Exception:
            log.exception("local services do not answer: health, reflection and metadata of models")

    async def _listen(self) -> None:
        async for message in self._channel.receive():
            await self._hear(message)
        self._stop(_ORPHAN_GRACE_S)

    async def _hear(self, message: Message) -> None:
        match message:
            case Offer():
                self._wanted = message
                if self._activating is None:
                    self._activating = asyncio.create_task(self._follow())
            case Found():
                self._front.discover({name: tuple(addresses) for name, addresses in message.pools.items()})
            case Trusted():
                self._loader.keyring = _keyring(message.keys)
            case Ask():
                await self._answer(message)
            case Drain():
                self._stop(message.grace_s)
            case _:
                log.error("an unexpected message came from the supervisor", extra={"kind": message.kind})

    async def _answer(self, ask: Ask) -> None:
        async for piece in self._reporter.report(ask.id):
            self._channel.send(piece)
            await self._channel.sent()

    def _stop(self, grace_s: float) -> None:
        if not self._stopped.is_set():
            self._grace_s = grace_s
            self._stopped.set()

    async def _follow(self) -> None:
        """Take the newest offer, and the one that came meanwhile."""
        while self._wanted is not None:
            offer, self._wanted = self._wanted, None
            try:
                await self._activate(offer)
            except SetupError as error:
                self._channel.send(Failed(message=str(error)))
                self._stop(0)
        self._activating = None

    async def _activate(self, offer: Offer) -> None:
        """Take an offer, or say why not; what is served is served on until the swap."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            serving = self._front.serving
            if serving is None or serving.digest != offer.digest:
                self._front.activate(await asyncio.to_thread(self._loader.load, offer))
            await self._open()
        except SetupError:
            raise
        except StoreError as error:
            log.error("an activation was rejected", extra=asdict(offer) | {"reason": str(error)})  # noqa: TRY400 - it is told
            self._channel.send(Rejected(offer=asdict(offer), reason=error.reason, message=str(error)))
        except Exception as error:
            log.exception("an activation failed inside the worker", extra=asdict(offer))
            self._channel.send(
                Rejected(offer=asdict(offer), reason="WorkerError", message=f"{type(error).__name__}: {error}")
            )
        else:
            self._channel.send(Activated(offer=asdict(offer), millis=(loop.time() - begun) * 1000))


def _keyring(keys: list[str]) -> Keyring:
    return Keyring(PublicKey(bytes.fromhex(key)) for key in keys)


async def run(fd: int) -> int:
    """Serve over the control channel that was inherited as a file descriptor; return the exit status."""
    channel = await Channel.over(socket.socket(fileno=fd))
    start = await anext(channel.receive(), None)
    if not isinstance(start, Start):
        return 0
    logs.configure(start.log_level, start.log_format, str(start.index))
    front = Front(asyncio.get_running_loop(), Cells(), Tracing())
    try:
        await Worker(channel, start, front).serve()
    except SetupError as error:
        channel.send(Failed(message=str(error)))
        with contextlib.suppress(OSError):
            await channel.sent()
        return 1
    return 0


def main() -> int:
    """Run a worker process."""
    parser = argparse.ArgumentParser(description="A worker process; `fourplane worker` starts it.")
    parser.add_argument("--fd", type=int, required=True, help="file descriptor of the control channel")
    sys.setswitchinterval(_SWITCH_S)
    return uvloop.run(run(parser.parse_args().fd))


if __name__ == "__main__":
    sys.exit(main())
