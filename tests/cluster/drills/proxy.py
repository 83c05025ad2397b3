"""A proxy on loopback in front of an API server: requests and watches pass, unless a fault decides otherwise.

with Proxy(cluster, folder) as proxy:
    Operator(site, log, "--kubeconfig", str(proxy.through(site.rights.operator)))
    proxy.fault = TooMany()     # a Fault: sees each request, each answer and each watched event
    proxy.cut()                 # breaks all connections
    proxy.passed                # every request that was answered, with its status
"""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from control_plane import ControlPlane

_LONGEST = 8 * 1024 * 1024
_HOPS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "content-encoding"}
"""Headers that belong to one connection, and encodings, so that faults see plain bytes."""
_PATIENCE_S = 20
_CLOSING_S = 0.3
"""What the connections to the API server get to say goodbye."""


class CutError(Exception):
    """Break the connection here."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    """Without the query."""
    query: str
    body: bytes
    headers: dict[str, str]

    @property
    def is_watch(self) -> bool:
        """Tell whether it asks for events."""
        return "watch=true" in self.query.lower()

    @property
    def is_write(self) -> bool:
        """Tell whether it may change something, other than a Lease."""
        return self.method != "GET" and "/leases" not in self.path

    def is_of(self, plural: str) -> bool:
        """Tell whether it is about a kind."""
        return plural in self.path.split("/")

    @property
    def object(self) -> dict[str, Any]:
        """What it sends."""
        return json.loads(self.body or b"{}")


@dataclass
class Answer:
    """What comes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @classmethod
    def failure(cls, code: int, reason: str, message: str, **headers: str) -> "Answer":
        """Return a failure as an API server words it."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        body = json.dumps(status | {"message": message, "metadata": {}}).encode()
        return cls(code, body, {"Content-Type": "application/json", **headers})


class Fault:
    """What may go wrong; as it stands, nothing does. Called on the proxy's thread; any method may raise CutError."""

    async def before(self, asked: Asked) -> Answer | None:
        """Answer in the server's place, or let it pass."""
        return None

    async def after(self, asked: Asked, answer: Answer) -> Answer:
        """Return the answer, or another."""
        return answer

    def event(self, asked: Asked, line: bytes) -> Iterable[bytes]:
        """Return the events to hand over for one that the server sent."""
        return (line,)


class Proxy:
    """One proxy."""

    def __init__(self, cluster: ControlPlane, folder: Path) -> None:
        """Prepare; kubeconfigs are written to the folder."""
        self._upstream = cluster.url
        self._trust = ssl.create_default_context(cafile=cluster.ca_file)
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._transports: set[asyncio.Transport] = set()
        self.fault = Fault()
        self.passed: list[tuple[Asked, int]] = []
        """Requests that the API server answered, and the status of each."""
        self.url = ""

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        """Break everything off, and end."""
        self.cut()
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def through(self, kubeconfig: Path) -> Path:
        """Return a kubeconfig of the same identity that leads here."""
        config = json.loads(kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": self.url}
        path = self._folder / f"proxied-{self.url.rpartition(':')[2]}-{kubeconfig.name}"
        path.write_text(json.dumps(config))
        return path

    def cut(self) -> None:
        """Break all connections."""
        self._do(self._cut())

    def writes(self, plural: str) -> list[dict[str, Any]]:
        """Return the objects of a kind whose writing the API server took, in order."""
        return [
            asked.object for asked, status in self.passed if asked.is_write and asked.is_of(plural) and status < 300
        ]

    async def _cut(self) -> None:
        for transport in list(self._transports):
            transport.abort()

    async def _open(self) -> None:
        self._connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        self._session = aiohttp.ClientSession(
            connector=self._connector, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=_LONGEST
        )
        app = web.Application(client_max_size=_LONGEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._connector.close(abort_ssl=True)
        await self._session.close()
        ours = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not ours]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(_CLOSING_S)

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        self._transports.add(transport)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOPS}
        asked = Asked(request.method, request.path, request.query_string, await request.read(), headers)
        try:
            return await self._answer(request, asked)
        except (CutError, aiohttp.ClientError, OSError):
            transport.abort()
            return web.Response(status=502)
        finally:
            self._transports.discard(transport)

    async def _answer(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        fault = self.fault
        if (instead := await fault.before(asked)) is not None:
            return _response(instead)
        async with self._asking(asked, request.raw_path) as upstream:
            kept = {key: value for key, value in upstream.headers.items() if key.lower() not in _HOPS}
            if asked.is_watch and upstream.status == 200:
                return await self._events(request, asked, upstream, kept)
            answer = Answer(upstream.status, await upstream.read(), kept)
        self.passed.append((asked, answer.status))
        return _response(await fault.after(asked, answer))

    async def _events(
        self, request: web.Request, asked: Asked, upstream: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            async for line in upstream.content:
                for each in self.fault.event(asked, line):
                    await response.write(each)
            await response.write_eof()
        return response

    @contextlib.asynccontextmanager
    async def _asking(self, asked: Asked, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self._upstream + path
        async with self._session.request(asked.method, url, data=asked.body or None, headers=asked.headers) as upstream:
            yield upstream


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
