"""What `propagation.py` measures: an API server, one operator and workers as processes, and what each of them costs."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from proxies import free_port, wait_for_port

from fourplane_wire.signing import SigningKey

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "cluster"))

from conftest import install_definitions  # noqa: E402 - the line above makes it importable
from control_plane import ControlPlane  # noqa: E402

NAMESPACE, RUNTIME = "scale", "demo"
TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_S = 0.02


class Process:
    """A program of ours, its log in lines of JSON, and what it costs with its children."""

    def __init__(self, log: Path, *arguments: str) -> None:
        """Start it."""
        self._log = log.open("a+b")
        self._read = 0
        self.lines: list[dict[str, Any]] = []
        self.begun = time.time()
        command = [sys.executable, "-m", "fourplane_cli", *arguments]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)

    def look(self) -> list[dict[str, Any]]:
        """Return all lines of its log up to now."""
        if self.process.poll() is not None:
            raise SystemExit(f"{self.process.args} ended with {self.process.returncode}: {self._log.name}")
        size = os.fstat(self._log.fileno()).st_size
        data = os.pread(self._log.fileno(), size - self._read, self._read)
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        self.lines += [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
        return self.lines

    def family(self) -> list[int]:
        """Return it and its children."""
        pid = self.process.pid
        children = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        return [pid, *(int(child) for path in children for child in path.read_text().split())]

    def cpu_s(self) -> float:
        """Return user + system time of it and its children."""
        return sum(_cpu_s(pid) for pid in self.family())

    def memory_mb(self, field: str) -> float:
        """Return VmRSS or VmHWM of the process itself."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition(f"{field}:")[2].split()[0]) / 1000

    def stop(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def moment(line: dict[str, Any]) -> float:
    """Return when a line was logged, in seconds since 1970."""
    return datetime.fromisoformat(line["ts"]).timestamp()


async def until(look: Callable[[], Any], what: str, within_s: float = 900.0) -> Any:
    """Return the first true thing that `look` returns."""
    deadline = time.monotonic() + within_s
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"this took longer than {within_s:.0f} s: {what}")
        await asyncio.sleep(_EVERY_S)


class Operator(Process):
    """The operator, as the admin."""

    def __init__(self, site: "Site") -> None:
        """Start it."""
        super().__init__(
            site.folder / "operator.log", "operator", "--namespace", NAMESPACE, "--kubeconfig", str(site.cluster.admin),
            "--signing-key", str(site.key), "--lease-namespace", NAMESPACE, "--metrics", "127.0.0.1:0",
        )  # fmt: skip

    def said(self, text: str) -> list[dict[str, Any]]:
        """Return the lines whose message has a text."""
        return [line for line in self.look() if text in line["message"]]

    def counts(self) -> dict[str, float]:
        """Return its metrics."""
        address = self.said("pages for machines")[0]["address"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
            lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


class Worker(Process):
    """A worker that follows: a supervisor and one process."""

    def __init__(self, site: "Site", name: str) -> None:
        """Start it."""
        self.name = name
        super().__init__(
            site.folder / f"{name}.log", "worker", "--follow", f"{NAMESPACE}/{RUNTIME}", "--pod", name,
            "--state", str(site.folder / name), "--kubeconfig", str(site.cluster.admin),
            "--public-key", str(site.public_key), "--listen", "127.0.0.1:0",
        )  # fmt: skip

    @property
    def port(self) -> int:
        """Where clients connect; 0 until it listens."""
        found = [line["address"] for line in self.look() if line["message"] == "listening"]
        return int(found[-1].rpartition(":")[2]) if found else 0

    def served(self, sequence: int) -> float:
        """Return since when its process serves a decision, or a later one; 0: not yet."""
        for line in reversed(self.look()):
            if line["message"] == "every process serves the snapshot":
                return moment(line) if line["sequence"] >= sequence else 0.0
        return 0.0


async def started(workers: Sequence[Worker]) -> None:
    """Wait until all have their processes and are at rest: twenty programs that start would measure themselves."""
    cpu_s = -1.0
    while not all(one.port and len(one.family()) > 1 for one in workers) or sum(one.cpu_s() for one in workers) > cpu_s:
        cpu_s = sum(one.cpu_s() for one in workers) + 0.05 * len(workers)
        await asyncio.sleep(2)


class Site:
    """A control plane with the definitions in it, and a key."""

    def __init__(self, folder: Path, cluster: ControlPlane) -> None:
        """Prepare the namespace."""
        self.folder, self.cluster = folder, cluster
        install_definitions(cluster)
        cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))
        key = SigningKey(secrets.token_bytes(32))
        self.key, self.public_key = folder / "signing.key", folder / "signing.key.pub"
        self.key.write_bytes(key.pem())
        self.public_key.write_bytes(key.public.pem())

    @contextmanager
    def operator(self) -> Iterator[Operator]:
        """Run an operator."""
        running = Operator(self)
        try:
            yield running
        finally:
            running.stop()

    @contextmanager
    def workers(self, number: int) -> Iterator[list[Worker]]:
        """Run workers."""
        with ExitStack() as stack:
            running = []
            for index in range(number):
                running.append(Worker(self, f"worker-{index}"))
                stack.callback(running[-1].stop)
            yield running


@contextmanager
def engine() -> Iterator[tuple[int, int]]:
    """Run the engine that does nothing; gives its port and its process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, ROOT / "bench" / "fake_engine.py", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, process)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Run a control plane."""
    with ControlPlane(folder / "cluster") as cluster:
        yield Site(folder, cluster)
