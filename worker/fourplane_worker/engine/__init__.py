"""A real Triton on this machine: installed from its wheel, run as a child process."""

from fourplane_worker.engine.errors import EngineError, EngineStartError, ProvisionError
from fourplane_worker.engine.launch import Endpoints, EngineSettings
from fourplane_worker.engine.provision import TritonInstall, provision
from fourplane_worker.engine.server import TritonServer
from fourplane_worker.engine.settings import default_cache

__all__ = [
    "Endpoints",
    "EngineError",
    "EngineSettings",
    "EngineStartError",
    "ProvisionError",
    "TritonInstall",
    "TritonServer",
    "default_cache",
    "provision",
]
