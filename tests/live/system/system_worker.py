"""`fourplane worker` as a process, and everything that it shows of itself."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families
from system_runtime import State

T = TypeVar("T")
COMMAND = (sys.executable, "-m", "fourplane_cli", "worker")
PATIENCE_S = 30
"""Longest wait for anything; what works comes nowhere near it."""
_EVERY_S = 0.02


def eventually(look: Callable[[], T], what: str, good: Callable[[T], Any] = bool) -> T:
    """Return the first good thing that `look` returns, by default the first true one."""
    pause = threading.Event()
    found = None
    for _ in range(int(PATIENCE_S / _EVERY_S)):
        if good(found := look()):
            return found
        pause.wait(_EVERY_S)
    raise AssertionError(f"this did not happen: {what}; the last look gave {found!r}")


class Worker:
    """One `fourplane worker`."""

    def __init__(self, state: State, log: Path, *options: str, listen: str = "127.0.0.1:0") -> None:
        """Start it, and wait until it listens."""
        self.state = state
        self._log = log
        self._command = [
            *(*COMMAND, "--state", str(state.folder.root)),
            *("--metrics", "127.0.0.1:0", *options),
        ]
        self.start(listen)

    def start(self, listen: str = "") -> None:
        """Start it, again at the address of before."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, "--listen", listen or self.address], stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.address = self._said("listening on ")
        self._pages = self._said("metrics on ").removesuffix("/metrics")

    def _said(self, beginning: str) -> str:
        line = self.process.stdout.readline()
        assert line.startswith(beginning), f"{line!r}; its log: {self._log.read_text()}"
        return line.removeprefix(beginning).strip()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self.address.rpartition(":")[2])

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit status."""
        self.process.send_signal(how)
        return self.gone()

    def gone(self) -> int:
        """Wait for its end."""
        status = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return status

    def stop(self) -> None:
        """End it if it runs, and require that it ends well."""
        if self.process.poll() is None:
            assert self.end() == 0, self._log.read_text()

    # What it shows.

    @property
    def metrics_url(self) -> str:
        """Where the metrics are."""
        return f"{self._pages}/metrics"

    def page(self, path: str) -> str:
        """Return one of its pages."""
        with urllib.request.urlopen(self._pages + path, timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def metrics(self) -> "Metrics":
        """Return its metrics now."""
        return Metrics(self.page("/metrics"))

    def status(self) -> dict[str, Any]:
        """Return its status file."""
        try:
            return json.loads(self.state.folder.status.read_text())
        except FileNotFoundError:
            return {}

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of its log."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def logged(self, text: str) -> list[dict[str, Any]]:
        """Return the lines of its log whose message has a text."""
        return [line for line in self.log() if text in line["message"]]

    def pids(self) -> list[int]:
        """Return its processes that serve."""
        return [each["pid"] for each in self.status().get("processes", ()) if each["listening"]]

    # What is waited for.

    def until(self, ready: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        """Wait for a status."""
        return eventually(self.status, what, ready)

    def serves(self, activation: Any = None) -> None:
        """Wait until every process has acknowledged what was published last."""
        wanted = activation.stable if activation else self.state.digest()
        self.until(lambda status: _serves(status, wanted), f"every process serves {wanted}, and reaches its pools")

    def refused(self, reason: str) -> dict[str, Any]:
        """Wait until something is refused for a reason, and return what the status says."""
        status = self.until(
            lambda status: [each for each in status.get("rejected", ()) if each["reason"] == reason],
            f"something is refused as {reason}",
        )
        return next(each for each in status["rejected"] if each["reason"] == reason)

    def is_idle(self) -> None:
        """Wait until no call is open, neither from a client nor to an engine."""
        eventually(
            lambda: (
                not (metrics := self.metrics()).value("fourplane_open_calls")
                and not metrics.value("fourplane_open_engine_calls")
            ),
            "no call is open",
        )


def _serves(status: dict[str, Any], digest: str) -> bool:
    served = [(process["serving"] or {}).get("digest") for process in status.get("processes", ())]
    acknowledged = (status.get("acknowledged") or {}).get("digest")
    return {*served, acknowledged} == {digest} and all(pool["state"] == "Up" for pool in status["pools"])


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        """Parse it."""
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with a name and these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= dict(sample.labels).items()
        )

    def outcomes(self, **labels: str) -> dict[str, int]:
        """Return how many calls ended how."""
        found: dict[str, int] = {}
        for sample in self.samples:
            if sample.name == "fourplane_requests_total" and labels.items() <= dict(sample.labels).items():
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + int(sample.value)
        return found

    def counters(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return everything that may never go down."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for sample in self.samples
            if sample.name.endswith(("_total", "_count", "_sum", "_bucket"))
        }


def is_alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def kill(pid: int) -> None:
    """End a process as a lack of memory would."""
    os.kill(pid, signal.SIGKILL)
