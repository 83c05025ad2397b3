"""Workers and engines that a test runs for itself."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fourplane_worker.engine import EngineSettings, TritonInstall, launch
from fourplane_worker.engine.health import is_ready
from fourplane_worker.engine.orphans import free_memory

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"


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


class Engine:
    """A Triton that can be killed, and started again at the same address."""

    def __init__(self, install: TritonInstall, settings: EngineSettings) -> None:
        """Start it, and wait until it serves."""
        self._settings = settings
        self._at = launch.free_ports()
        self._command = launch.arguments(install.layout, settings, self._at)
        self._environment = install.environment(os.environ)
        self.address = self._at.grpc
        self.start()

    def start(self) -> None:
        """Start it again."""
        with Path(self._settings.run_folder, "triton.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        pause = threading.Event()
        while not asyncio.run(is_ready(self._at)):
            assert self._process.poll() is None, "Triton ended at its start"
            pause.wait(0.1)

    def kill(self) -> None:
        """End it and the processes of its models at once, as a machine that fails would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        free_memory(launch.memory_prefix(self._settings))
