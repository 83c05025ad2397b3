"""The real engine for the measurements: Triton with a model that echoes."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fourplane_worker.engine import EngineSettings, TritonServer, default_cache, provision

_CONFIG = """
name: "engine_echo"
backend: "python"
max_batch_size: 0
input [{ name: "x" data_type: TYPE_FP32 dims: [1, -1] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [1, -1] }]
instance_group [{ kind: KIND_CPU count: 1 }]
"""
_MODEL = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        xs = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", x)]) for x in xs]
"""


@contextmanager
def triton_engine(say: Callable[[str], None]) -> Iterator[int]:
    """Run Triton and give the port of its gRPC service."""
    install = provision(default_cache(), say)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "models", "engine_echo")
        (model / "1").mkdir(parents=True)
        (model / "config.pbtxt").write_text(_CONFIG)
        (model / "1" / "model.py").write_text(_MODEL)
        server = TritonServer(install, EngineSettings(model_repository=model.parent, run_folder=Path(folder, "run")))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            address = asyncio.run_coroutine_threadsafe(server.start(say), loop).result(180).grpc
            yield int(address.rpartition(":")[2])
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
