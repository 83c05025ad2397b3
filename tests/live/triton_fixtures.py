"""One real Triton for all tests of a run, installed into the user's cache at the first run."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fourplane_worker.engine import (
    EngineSettings,
    TritonInstall,
    TritonServer,
    default_cache,
    provision,
)

MODELS = Path(__file__).parent / "models"


@pytest.fixture(scope="session")
def triton_install() -> TritonInstall:
    """Install Triton, or find it installed."""
    return provision(default_cache(), print)


@pytest.fixture(scope="session")
def triton(triton_install: TritonInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Triton with the conformance models; gives the address of its gRPC service."""
    folder = tmp_path_factory.mktemp("triton")
    settings = EngineSettings(model_repository=MODELS, run_folder=folder)
    server = TritonServer(triton_install, settings)
    loop = asyncio.new_event_loop()
    # A loop of its own: the server outlives every test, and with it any test's loop.
    thread = threading.Thread(target=loop.run_forever, name="triton")
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(print), loop).result(180).grpc
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
