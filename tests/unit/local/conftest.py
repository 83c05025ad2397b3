"""A front with local services behind it, and a client that knows the secret."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fourplane_worker.front.front import Front
from fourplane_worker.local.server import LocalServices
from fourplane_worker.telemetry.cells import Cells
from fourplane_worker.telemetry.tracing import Tracing

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import FakeEngine
from local_building import SECRET, Worker, a_planner, a_pool, a_route


@pytest.fixture
def folder():
    """Return a folder for sockets; pytest's own folders have paths that are too long for one."""
    with TemporaryDirectory(prefix="fp") as name:
        yield Path(name)


@pytest.fixture
async def worker(folder):
    """Run local services on a socket of their own; no port is opened."""
    front = Front(asyncio.get_running_loop(), Cells(), Tracing())
    path = folder / "run" / "local.sock"
    services = LocalServices(front, str(path), SECRET)
    await services.start()
    client = Worker(front, path)
    yield client
    await client.close()
    await front.drain(0)
    await services.stop()


@pytest.fixture
async def engines(folder):
    """Run two engines."""
    both = [FakeEngine(folder / "a.sock"), FakeEngine(folder / "b.sock")]
    for engine in both:
        await engine.start()
    yield both
    for engine in both:
        await engine.stop()


@pytest.fixture
def planner():
    """Return a snapshot with one route, to a pool without endpoints."""
    return a_planner(a_pool(), a_route())


@pytest.fixture
def serving(worker, planner):
    """Activate that snapshot."""
    worker.front.activate(planner)
