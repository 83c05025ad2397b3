"""What is put on the command line to start Triton, and on which ports."""

import hashlib
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fourplane_worker.engine.install import Layout

LOOPBACK = "127.0.0.1"

# Started through a Python of a few lines: a hook that runs between fork and exec can deadlock in a
# process with threads. The death signal makes the kernel end Triton when the thread that started it
# dies, so that no orphan stays behind.
_GUARD = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that starts Triton is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an engine listens, all on the loopback interface."""

    grpc_port: int
    http_port: int
    metrics_port: int

    @property
    def grpc(self) -> str:
        """The address of the inference service."""
        return f"{LOOPBACK}:{self.grpc_port}"

    @property
    def metrics(self) -> str:
        """The address of the metrics page."""
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What to run and within which bounds."""

    model_repository: Path
    run_folder: Path
    """Gets the pid file and the log."""
    name: str = "triton"
    """Names those files; one server for each name in a folder."""
    start_timeout: timedelta = timedelta(seconds=120)
    """Models are loaded within it; big ones take long."""
    exit_timeout: timedelta = timedelta(seconds=5)
    """Requests in flight get this long at the stop; Triton's own default is 30 s."""
    log_limit: int = 8 * 1024 * 1024
    """Bytes; one previous log of that size is kept beside it."""


def free_ports() -> Endpoints:
    """Return three ports that nobody listens on right now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return Endpoints(*(each.getsockname()[1] for each in sockets))


def memory_prefix(settings: EngineSettings) -> str:
    """Name the server's shared memory, so that what a killed one leaves behind can be told."""
    place = str(settings.run_folder.absolute() / settings.name)
    return f"fourplane-{hashlib.sha256(place.encode()).hexdigest()[:16]}-"


def arguments(layout: Layout, settings: EngineSettings, at: Endpoints) -> list[str]:
    """Return the server's command line.

    Models are loaded once, at the start (control mode "none"): which models run is what the
    repository says, the calls that load and unload are refused, and nothing polls the disk.
    """
    flags = {
        "model-repository": settings.model_repository.absolute(),
        "backend-directory": layout.backends,
        "model-control-mode": "none",
        "backend-config": f"python,shm-region-prefix-name={memory_prefix(settings)}",
        "exit-timeout-secs": max(1, round(settings.exit_timeout.total_seconds())),
        "http-address": LOOPBACK,
        "http-port": at.http_port,
        "grpc-address": LOOPBACK,
        "grpc-port": at.grpc_port,
        "metrics-address": LOOPBACK,
        "metrics-port": at.metrics_port,
    }
    return [str(layout.server), *(f"--{name}={value}" for name, value in flags.items())]


def guarded(command: Sequence[str]) -> list[str]:
    """Return a command that runs the given one, and ends it when this process dies."""
    return [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()), *command]
