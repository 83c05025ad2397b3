"""`fourplane up` and `fourplane worker` as processes, and what tests ask of them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import numpy
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc

RUNTIME = """\
apiVersion: fourplane.dev/v1alpha1
kind: RuntimeDeployment
metadata: {{name: shop}}
spec:
  callers: {{anonymous: Allow}}
  pools:
    - name: main
      triton:
        {engine}
        models: [{{name: add_sub}}, {{name: slow}}]
"""
ROUTE = """\
apiVersion: fourplane.dev/v1alpha1
kind: ModelRoute
metadata: {{name: {name}}}
spec:
  runtimeRef: {{name: shop}}
  model: {{name: {name}}}
  backends:
    - {{pool: main, model: {model}}}
  deadline: {deadline}
"""
PATIENCE_S = 30


def resources(folder: Path, engine: str) -> Path:
    """Write a runtime and a route; `engine` is a line such as `endpoints: [HOST:PORT]`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runtime.yaml").write_text(RUNTIME.format(engine=engine))
    edit(folder)
    return folder


def edit(folder: Path, name: str = "adder", model: str = "add_sub", deadline: str = "10s") -> None:
    """Write a route."""
    (folder / f"{name}.yaml").write_text(ROUTE.format(name=name, model=model, deadline=deadline))


class Running:
    """A command that serves, and its output."""

    def __init__(self, command: str, *arguments: object, state: Path) -> None:
        """Start it with ports of its own, and wait until it says where they are."""
        self.state = state
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fourplane_cli", command, *map(str, arguments), "--state", str(state)),
                *("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read)
        self._reading.start()
        self.address = self.wait_for(r"listening\s+on (\S+?),?\s").group(1)
        self.metrics_address = self.wait_for(r"metrics\s+on http://(\S+?)/").group(1)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        """Return everything that it said."""
        return "".join(self.lines)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it says something."""
        return wait(lambda: re.search(pattern, self.output), lambda: f"{pattern!r} in:\n{self.output}")

    def status(self) -> dict:
        """Return what it says of itself."""
        return json.loads((self.state / "status.json").read_text())

    def wait_status(self, condition) -> dict:
        """Wait until its status is as wanted."""

        def look():
            with contextlib.suppress(FileNotFoundError, KeyError, IndexError, TypeError):
                found = self.status()
                return found if condition(found) else None

        return wait(look, lambda: (self.state / "status.json").read_text() + self.output)

    def page(self, path: str) -> str:
        """Return a page for machines."""
        try:
            with urllib.request.urlopen(f"http://{self.metrics_address}{path}", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self.page("/metrics"), re.MULTILINE)
        return sum(map(float, found))

    def stop(self, number: int = signal.SIGTERM, within_s: float = PATIENCE_S) -> int:
        """Signal it, and return how it ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(within_s)
        self._reading.join(5)
        self.process.stdout.close()
        return status

    def __enter__(self) -> Self:
        """Run within a block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self.stop()


def wait(look, describe=lambda: "it did not happen"):
    """Return the first answer that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(describe())


def is_alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def kill(pid: int) -> None:
    """End a process as a crash would."""
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not is_alive(pid))


def adder(model: str = "adder") -> service_pb2.ModelInferRequest:
    """Make a request whose answer is known."""
    request = service_pb2.ModelInferRequest(model_name=model)
    for name in ("a", "b"):
        request.inputs.add(name=name, datatype="INT32", shape=[1, 4])
        request.raw_input_contents.append(numpy.array([1, 2, 3, 4], numpy.int32).tobytes())
    request.outputs.add(name="sum")
    return request


def sleeper(seconds: float, model: str = "sleeper") -> service_pb2.ModelInferRequest:
    """Make a request that takes its time."""
    request = service_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(name="seconds", datatype="FP32", shape=[1])
    request.raw_input_contents.append(numpy.array([seconds], numpy.float32).tobytes())
    return request


class Caller:
    """A client with a connection of its own."""

    def __init__(self, address: str) -> None:
        """Connect."""
        # Channels of one process share a connection unless each has its own pool.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._client = triton.InferenceServerClient(address, channel_args=options)
        self.stub: service_pb2_grpc.GRPCInferenceServiceStub = self._client._client_stub

    def add(self, model: str = "adder", timeout: float = 10) -> dict[str, str]:
        """Call, check the sum, and return the trailers."""
        response, call = self.stub.ModelInfer.with_call(adder(model), timeout=timeout)
        assert numpy.frombuffer(response.raw_output_contents[0], numpy.int32).tolist() == [2, 4, 6, 8]
        return dict(call.trailing_metadata())

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def __enter__(self) -> Self:
        """Connect for a block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Disconnect."""
        self.close()
