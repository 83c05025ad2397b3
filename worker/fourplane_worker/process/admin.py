"""The pages for machines that watch: /metrics, /healthz and /readyz over plain HTTP/1.1."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from fourplane_worker.process.addresses import Address
from fourplane_worker.process.errors import PortTakenError

_HEAD_BYTES = 16 * 1024
_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    status: HTTPStatus
    content: bytes
    content_type: str = "text/plain; charset=utf-8"


Handler = Callable[[str], Awaitable[Page]]
"""Makes a page for an Accept header."""


class AdminServer:
    """Serves a table of pages."""

    def __init__(self, pages: dict[str, Handler]) -> None:
        """Take the pages by their path."""
        self._pages = pages
        self._server: asyncio.Server | None = None

    async def start(self, address: Address) -> Address:
        """Listen, and return the address with its port."""
        try:
            self._server = await asyncio.start_server(
                self._serve, address.host, address.port, family=address.family, limit=_HEAD_BYTES
            )
        except OSError as error:
            why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
            raise PortTakenError(
                f"the metrics can't listen on {address}: {why}; choose another address with --metrics"
            ) from error
        return Address(address.host, int(self._server.sockets[0].getsockname()[1]), address.family)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close: scrapers come seldom."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _WITHIN_S)
            writer.write(_bytes(await self._answer(head), head.startswith(b"HEAD ")))
            await asyncio.wait_for(writer.drain(), _WITHIN_S)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or never finished asking
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> Page:
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        handler = self._pages.get(path)
        if handler is None:
            return Page(HTTPStatus.NOT_FOUND, f"there is {', '.join(sorted(self._pages))}\n".encode())
        if method not in ("GET", "HEAD"):
            return Page(HTTPStatus.METHOD_NOT_ALLOWED, b"GET and HEAD only\n")
        accept = next((line[7:].strip() for line in lines if line.lower().startswith("accept:")), "")
        return await handler(accept)


def _bytes(page: Page, head_only: bool) -> bytes:
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"content-type: {page.content_type}\r\ncontent-length: {len(page.content)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else page.content)
