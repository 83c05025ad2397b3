"""The pages for machines that watch: /metrics, /healthz and /readyz."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from fourplane_operator.errors import SetupError


@asynccontextmanager
async def serving(address: str, registry: CollectorRegistry, not_ready: Callable[[], str]) -> AsyncIterator[str]:
    """Serve until the end, and yield the address with its port; `not_ready` says why not, or nothing."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SetupError(f"--metrics {address}: write HOST:PORT, such as 0.0.0.0:8013")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        why = not_ready()
        return web.Response(text=f"not ready: {why}\n" if why else "ok\n", status=503 if why else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]"), int(port))
        try:
            await site.start()
        except OSError as error:
            raise SetupError(f"--metrics {address}: {error.strerror or error}; choose another address") from error
        yield f"{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
