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

import conformance_catalog as catalog

from fourplane_worker.engine import EngineSettings, TritonInstall, launch
from fourplane_worker.engine.health import is_ready
from fourplane_worker.engine.orphans import free_memory

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
UP = [sys.executable, "-m", "fourplane_cli", "up", "--listen", "127.0.0.1:0", "--metrics", "off", "--grace", "1"]


@contextmanager
def running(folder: Path, engine: str, *, small: bool = False) -> Iterator[str]:
    """Run `fourplane up` on resources of its own; gives the address of its worker."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: connecting is refused at once
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        catalog.write(folder, engine, nowhere, small=small)
        with subprocess.Popen([*UP, str(folder)], stdout=subprocess.PIPE, text=True) as process:
            address = _said(process, "listening").split()[1].rstrip(",")
            _until_accepted(address)
            catalog.write(folder, engine, nowhere, small=small, vanished=True)
            _said(process, "served")
            yield address
            assert process.poll() is None, "the worker died"
            process.terminate()
            assert process.wait(20) == 0


def _said(process: "subprocess.Popen[str]", subject: str) -> str:
    """Read what `fourplane up` tells until it comes to a subject; return what it says of it."""
    for line in process.stdout:
        _, found, text = line.split(maxsplit=2)
        if found == subject:
            return text
    raise AssertionError("the worker did not start: its output says why")


def _until_accepted(address: str) -> None:
    host, _, port = address.rpartition(":")
    pause = threading.Event()
    while True:
        with socket.socket() as trying:
            if trying.connect_ex((host, int(port))) == 0:
                return
        pause.wait(0.02)


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
