"""Ask an engine whether it serves, with nothing but a socket."""

import asyncio

from fourplane_worker.engine.launch import LOOPBACK, Endpoints

_REQUEST = b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_PATIENCE = 2.0
"""Seconds for one answer; a loaded machine is slow, a hung engine is asked again."""


async def is_ready(at: Endpoints) -> bool:
    """Tell whether every model is loaded and the gRPC port is open."""
    try:
        async with asyncio.timeout(_PATIENCE):
            status = await _status_line(at.http_port)
    except (OSError, TimeoutError):
        return False
    # Triton opens the gRPC port before the HTTP one.
    return b" 200 " in status


async def _status_line(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(_REQUEST)
        return await reader.readline()
    finally:
        writer.close()
