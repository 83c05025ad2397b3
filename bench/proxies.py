"""What is compared: each proxy as a context manager that gives a port and the processes whose CPU counts."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy."""

    name: str
    port: int
    pids: Callable[[], list[int]]
    model: str = "engine_echo"
    """What a caller names; proxies that look at nothing take the engine's own name."""


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], within_s: float = 20.0) -> None:
    """Return once something listens; stop with the exit status of a process that died."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{process.args} does not listen on {port}")


@contextmanager
def _running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        time.sleep(0.3)
        yield process
    finally:
        process.terminate()
        process.wait(20)


_RESOURCES = """
apiVersion: fourplane.dev/v1alpha1
kind: RuntimeDeployment
metadata: {{name: bench}}
spec:
  callers: {{anonymous: Allow}}
  pools:
    - name: engine
      triton:
        endpoints: ["127.0.0.1:{upstream}"]
        models: [{{name: engine_echo}}]
---
apiVersion: fourplane.dev/v1alpha1
kind: ModelRoute
metadata: {{name: echo}}
spec:
  runtimeRef: {{name: bench}}
  model: {{name: echo}}
  backends: [{{pool: engine, model: engine_echo}}]
"""


@contextmanager
def worker(upstream: int) -> Iterator[Proxy]:
    """Run `fourplane up` with one worker process and one route; all of its processes count."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "resources.yaml").write_text(_RESOURCES.format(upstream=upstream))
        command = [
            sys.executable,
            "-m",
            "fourplane_cli",
            "up",
            folder,
            "--listen",
            f"127.0.0.1:{port}",
            "--metrics",
            "off",
        ]
        with _running(command, port) as process:
            time.sleep(1)
            yield Proxy("fourplane", port, lambda: _family(process.pid), "echo")


@contextmanager
def grpc_aio(upstream: int) -> Iterator[Proxy]:
    """Run the bare grpc.aio proxy."""
    port = free_port()
    command = [
        sys.executable,
        str(HERE / "grpc_aio_proxy.py"),
        "--port",
        str(port),
        "--upstream",
        f"127.0.0.1:{upstream}",
    ]
    with _running(command, port) as process:
        yield Proxy("grpc.aio", port, lambda: [process.pid])


_NGINX = """
daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; client_body_buffer_size 2m; client_body_temp_path {folder}/body;
  keepalive_requests 100000000; http2_max_concurrent_streams 1024;
  upstream engine {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://engine; grpc_read_timeout 300s; }} }}
}}
"""


@contextmanager
def nginx(upstream: int) -> Iterator[Proxy]:
    """Run nginx with one worker process as a gRPC proxy."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        config = Path(folder, "nginx.conf")
        config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
        with _running([program, "-c", str(config)], port) as process:
            yield Proxy("nginx", port, lambda: _family(process.pid))


def _family(pid: int) -> list[int]:
    """Return a process and its children, whichever of its threads started them."""
    children = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    return [pid, *(int(child) for path in children for child in path.read_text().split())]
