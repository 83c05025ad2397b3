"""A program that a test starts, hurts and ends; none outlives the tests."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOOPBACK = "127.0.0.1"
TAIL_LINES = 20

# As for Triton (fourplane_worker/engine/launch.py): no hook between fork and exec, and a death signal from the kernel.
# Here it is SIGKILL, since a stopped program would never see another.
_GUARD = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that starts it is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""

# The kernel sends that signal when the *thread* that started the program ends: so one that lasts starts all of them.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="programs")


class ProgramError(Exception):
    """A program ended, or is not ready in time; the message holds the end of its log."""


def free_port() -> int:
    """Return a port that a program can keep over restarts.

    It is below the range of outgoing connections: one of those could take it while the program is down.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


class Program:
    """One program: its command stays the same over restarts, unless a test changes it; its log grows."""

    def __init__(self, command: Sequence[str], log: Path, *, is_ready: Callable[[], bool], start_timeout: float = 45):
        self.command = list(command)
        self.log = log
        self.name = log.stem
        self._is_ready = is_ready
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now, if any."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it without waiting."""
        if self.pid:
            raise ProgramError(f"{self.name} runs already")
        if not Path(self.command[0]).exists():
            raise ProgramError(f"{self.command[0]} is missing: run `make cluster-tools`")
        guarded = [sys.executable, "-I", "-c", _GUARD, str(os.getpid()), *self.command]
        with self.log.open("ab") as log:
            self._process = _STARTER.submit(
                subprocess.Popen, guarded, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            ).result()

    def wait_until_ready(self) -> None:
        """Wait until it answers that it is ready; say what it wrote when it does not."""
        end = time.monotonic() + self._start_timeout
        while not self._is_ready():
            if self._process is None or self._process.poll() is not None:
                code = self._process.returncode if self._process else None
                raise ProgramError(f"{self.name} ended with {code}:\n{self.tail()}")
            if time.monotonic() > end:
                raise ProgramError(f"{self.name} is not ready after {self._start_timeout:.0f} s:\n{self.tail()}")
            time.sleep(0.05)

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        assert self._process
        self._process.wait()

    def stop(self, timeout: float = 10) -> None:
        """End it in order, or else by force; nothing happens when it has ended."""
        if not self.pid:
            return
        assert self._process
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # a paused one would never see the other signal
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop it, start it with the same command, wait until it is ready."""
        self.stop()
        self.start()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the end of its log."""
        if not self.log.exists():
            return "(no log)"
        return f"--- {self.log}\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if not self.pid:
            raise ProgramError(f"{self.name} does not run:\n{self.tail()}")
        os.kill(self.pid, number)
