"""The gRPC server behind the front, on a Unix socket that only this user can reach."""

import contextlib
import stat
from pathlib import Path

import grpc
import grpc.aio

from fourplane_wire import inference as wire
from fourplane_worker.front.front import Front
from fourplane_worker.local import health, reflection
from fourplane_worker.local.checks import ContractChecks
from fourplane_worker.local.gate import Gate, Handler, Unserved
from fourplane_worker.local.health import Health
from fourplane_worker.local.inference import Inference
from fourplane_worker.local.pulse import Pulse

_MAX_REQUEST_BYTES = 1 << 20
"""No request of these services needs more than names; the runtime's own bound is checked beside it."""
_MAX_METADATA_BYTES = 1 << 21
"""Above the 1 MiB that a runtime may permit its callers: the front has checked that before."""
_GRACE_S = 1.0
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", -1),  # bounded by each method, by the snapshot of that moment
    ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.so_reuseport", 0),
)


class LocalServices:
    """Health, reflection, and what the inference protocol says about models."""

    def __init__(self, front: Front, path: str, secret: str) -> None:
        """Take the front that calls, the socket's path, and the secret that proves that it is the front."""
        self._front = front
        self._path = Path(path)
        self._secret = secret
        self._pulse = Pulse(front)
        self._checks = ContractChecks(front)
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serve, and tell the front where."""
        _make_room(self._path)
        server = grpc.aio.server(interceptors=(Gate(self._secret),), options=_OPTIONS)
        server.add_generic_rpc_handlers((*self._services(), Unserved()))
        server.add_insecure_port(f"unix:{self._path}")
        await server.start()
        self._server = server
        self._pulse.start()
        self._checks.start()
        self._front.use_local(str(self._path), self._secret)

    def _services(self) -> tuple[grpc.GenericRpcHandler, ...]:
        reflected = reflection.handlers()
        services: dict[str, dict[str, Handler]] = {
            wire.SERVICE: Inference(self._front, self._pulse).handlers(),
            health.SERVICE: Health(self._front, self._pulse).handlers(),
            **dict.fromkeys(reflection.SERVICES, reflected),
        }
        return tuple(grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())

    async def stop(self) -> None:
        """End what is in flight within a second, and remove the socket."""
        self._pulse.stop()
        self._checks.stop()
        if self._server is not None:
            await self._server.stop(_GRACE_S)
            self._server = None
        _remove(self._path)


def _make_room(path: Path) -> None:
    """Make the folder that only this user can enter, and remove a socket that an earlier run left."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    if path.exists():
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is no socket; choose another path")
        path.unlink()


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
