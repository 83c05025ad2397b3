"""What the inference protocol says about server and models, per route and under public names."""

from importlib import metadata

import grpc

from fourplane_wire import inference as wire
from fourplane_worker.front.front import Front
from fourplane_worker.local.errors import typed
from fourplane_worker.local.gate import Handler
from fourplane_worker.local.pulse import Pulse

NAME = "triton"
"""What stock clients expect of a server with these extensions."""
EXTENSIONS = (
    "classification",
    "sequence",
    "sequence(string_id)",
    "schedule_policy",
    "model_configuration",
    "parameters",
    "statistics",
)
"""What passes through to an engine, or is answered here.

Not named: shared memory, trace and logging, which are refused; model_repository, of which only the index is served;
binary_tensor_data, which is about HTTP.
"""


class Inference:
    """The descriptive methods of the inference protocol."""

    def __init__(self, front: Front, pulse: Pulse) -> None:
        """Take the front, whose snapshot and pools answer."""
        self._front = front
        self._pulse = pulse
        self._metadata = wire.server_metadata(NAME, metadata.version("fourplane"), EXTENSIONS)

    def handlers(self) -> dict[str, Handler]:
        """Return the service's methods."""
        methods = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ServerMetadata": self.server_metadata,
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(typed(self._front, method)) for name, method in methods.items()
        }

    async def server_live(self, _request: bytes, _within_s: float) -> bytes:
        """Say that the worker runs."""
        return wire.server_live(True)

    async def server_ready(self, _request: bytes, _within_s: float) -> bytes:
        """Say whether requests are served."""
        return wire.server_ready(self._pulse.ready)

    async def server_metadata(self, _request: bytes, _within_s: float) -> bytes:
        """Say what serves here."""
        return self._metadata
