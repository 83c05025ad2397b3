"""A worker in front of the real Triton, and clients for both: every test compares what the two say."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from conformance_calls import Peer  # noqa: E402 - the line above makes it importable
from conformance_running import running  # noqa: E402
from conformance_twins import Twins  # noqa: E402


@pytest.fixture(scope="session")
def worker(triton: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a worker in front of Triton."""
    with running(tmp_path_factory.mktemp("worker"), triton) as address:
        yield address


@pytest.fixture(scope="session")
def small_worker(triton: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a worker with narrow bounds."""
    with running(tmp_path_factory.mktemp("small"), triton, small=True) as address:
        yield address


@pytest.fixture
def twins(triton: str, worker: str) -> Iterator[Twins]:
    """Clients of both."""
    with Twins.open(triton, worker) as opened:
        yield opened


@pytest.fixture
def peers(triton: str, worker: str) -> Iterator[SimpleNamespace]:
    """Bare channels to both."""
    with Peer(triton) as direct, Peer(worker) as proxied:
        yield SimpleNamespace(direct=direct, proxied=proxied)
