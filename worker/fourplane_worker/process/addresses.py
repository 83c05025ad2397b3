"""Addresses to listen on: parsed, checked and held."""

import asyncio
import errno
import re
import socket
from dataclasses import dataclass

from fourplane_worker.process.errors import PortTakenError, SetupError

_PORTS = 65536
_PORT = re.compile(r"[0-9]{1,5}")
_TRY_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Address:
    """One numeric address and port."""

    host: str
    port: int
    family: socket.AddressFamily

    def __str__(self) -> str:
        """Write it as HOST:PORT."""
        return f"[{self.host}]:{self.port}" if self.family == socket.AF_INET6 else f"{self.host}:{self.port}"


def parse(text: str) -> Address:
    """Return the address of HOST:PORT, [IPV6]:PORT or :PORT (every interface); port 0 lets the system choose."""
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) >= _PORTS:
        raise SetupError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:8011")
    try:
        found = socket.getaddrinfo(host.strip("[]") or "0.0.0.0", int(port), type=socket.SOCK_STREAM)  # noqa: S104
    except OSError as error:
        raise SetupError(f"{text!r} can't be resolved: {error.strerror}") from error
    except UnicodeError as error:
        raise SetupError(f"{text!r} holds no name of a host: {error}") from error
    family, _, _, _, place = found[0]
    return Address(str(place[0]), int(place[1]), family)


async def reserve(address: Address, patience_s: float) -> socket.socket:
    """Return a socket that holds the port for the processes that will share it; it never listens itself.

    A first bind without SO_REUSEPORT finds out whether anybody listens there: with it, two programs would silently
    share the port's clients. Processes of an earlier run may need a moment to let go.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        try:
            _bind(address, shared=False).close()
            return _bind(address, shared=True)
        except PortTakenError:
            if loop.time() >= deadline:
                raise
        await asyncio.sleep(_TRY_EVERY_S)


def _bind(address: Address, *, shared: bool) -> socket.socket:
    holder = socket.socket(address.family, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        holder.bind((address.host, address.port))
    except OSError as error:
        holder.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"{address} is taken: another program listens there; stop it, or choose another address "
                "(port 0: any free one)"
            ) from error
        raise SetupError(f"{address} can't be listened on: {error.strerror}") from error
    return holder


def bound(address: Address, holder: socket.socket) -> Address:
    """Return the address with the port that the system chose."""
    return Address(address.host, int(holder.getsockname()[1]), address.family)
