"""Which methods are served, by whom, and what is said of the others."""

from urllib.parse import quote

from fourplane_core.outcomes import Outcome, Refusal

_INFERENCE = "/inference.GRPCInferenceService/"
FORWARDED = ("ModelInfer", "ModelStreamInfer")
LOCAL_INFERENCE = (
    "ServerLive",
    "ServerReady",
    "ServerMetadata",
    "ModelReady",
    "ModelMetadata",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
)
"""Answered per route by the local services, under public names."""
ADMINISTRATION = (
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
)
"""Refused: they change or reveal what all callers of an engine share."""
LOCAL = (
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
SERVED = frozenset(path.encode() for path in (*(_INFERENCE + name for name in (*FORWARDED, *LOCAL_INFERENCE)), *LOCAL))
_REFUSED = frozenset((_INFERENCE + name).encode() for name in ADMINISTRATION)
_SHOWN = 128


def refusal(path: bytes) -> Refusal:
    """Return what a caller of a method that is not served is told."""
    shown = quote(path[:_SHOWN], safe="/._-")
    if path in _REFUSED:
        return Refusal(
            Outcome.ADMINISTRATION_REFUSED,
            f"{shown} administers the engine, which callers can't; its owner does that through the RuntimeDeployment",
        )
    return Refusal(Outcome.METHOD_NOT_SERVED, f"method {shown} is not served here; list what is with server reflection")
