"""A worker in front of the real Triton, and clients for both: every test compares what the two say."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from conformance_calls import Peer  # noqa: E402 - the line above makes it importable
from conformance_twins import Twins  # noqa: E402


@contextmanager
def running(folder: Path, engine: str, *options: str) -> Iterator[str]:
    """Run a worker; gives its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: connecting is refused at once
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, str(HERE / "conformance_worker.py"), str(folder), engine, nowhere, *options]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            port = process.stdout.readline().decode().strip()
            assert port, "the worker did not start: its output above says why"
            yield f"127.0.0.1:{port}"
            assert process.poll() is None, "the worker died"
            process.stdin.close()
            assert process.wait(20) == 0


@pytest.fixture(scope="session")
def worker(triton: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a worker in front of Triton."""
    with running(tmp_path_factory.mktemp("worker"), triton) as address:
        yield address


@pytest.fixture(scope="session")
def small_worker(triton: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a worker with narrow bounds."""
    with running(tmp_path_factory.mktemp("small"), triton, "--small") as address:
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
