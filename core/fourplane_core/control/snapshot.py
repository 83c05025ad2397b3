"""The configuration of one runtime as values: all that a worker needs to serve."""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import NewType

PoolName = NewType("PoolName", str)
"""Name of an inference pool, unique within its runtime."""
RouteName = NewType("RouteName", str)
"""`NAMESPACE/NAME` of the ModelRoute that a route was compiled from."""
Digest = NewType("Digest", str)
"""`sha256:` and 64 hexadecimal digits: the hash of a manifest's bytes, and so a snapshot's name."""


@unique
class DataType(StrEnum):
    """Tensor element types of the Open Inference Protocol v2, and Triton's BF16."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BF16 = "BF16"
    BYTES = "BYTES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one caller may ask of a worker."""

    max_request_bytes: int
    """Largest request message, in bytes, after inflation."""
    max_response_bytes: int
    """Largest response message, in bytes."""
    max_metadata_bytes: int
    """Largest sum of name and value lengths (plus 32 each, as HTTP/2 counts) of one header block, in bytes."""
    max_streams_per_connection: int
    """Requests and streams that one connection may have open at once."""
    max_deadline_ms: int
    """Longest time that a unary request may take, in milliseconds; also its deadline where the caller names none."""
    max_stream_ms: int
    """Longest life of a streaming call, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What a worker reports, and where to."""

    otlp_endpoint: str = ""
    """Base URL of an OTLP/HTTP collector; empty: no spans are exported."""
    sample_per_million: int = 0
    """Share of requests without a sampling decision of their caller that are traced, in millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What holds for every request of one runtime."""

    name: str
    """`NAMESPACE/NAME` of the RuntimeDeployment."""
    anonymous: bool
    """Whether callers without an identity are served."""
    limits: Limits
    telemetry: Telemetry = field(default_factory=Telemetry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One declared input or output."""

    name: str
    datatype: DataType
    shape: tuple[int, ...]
    """Extents; -1 where any extent will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of a pool, as its owner declares it."""

    name: str
    decoupled: bool
    """Whether one request may have any number of responses, 0 included."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A group of interchangeable engine endpoints that serve the same models."""

    name: PoolName
    endpoints: tuple[str, ...]
    """`HOST:PORT` each; empty for a managed pool, whose endpoints are discovered where the worker runs."""
    models: tuple[Model, ...]
    service: str = ""
    """`NAME:PORT` of a Service in the runtime's namespace whose endpoints the pool has; empty: none. Not with
    endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One candidate of a route."""

    pool: PoolName
    model: str
    version: str
    """The engine's version of the model; empty: the engine chooses."""
    weight: int
    """Share of the route's traffic, relative to the sum of all weights; 0 takes none."""
    resolved: bool = True
    """False where pool or model do not exist: the share is kept, and answered with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where requests for one public model go."""

    name: RouteName
    model: str
    """Public model name."""
    version: str
    """Public model version; empty: callers name none."""
    backends: tuple[Backend, ...]
    deadline_ms: int
    """Longest time for a unary request, in milliseconds; 0: the runtime's bound alone."""
    affinity_header: str = ""
    """Metadata key whose value keeps a caller on one backend; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One whole configuration under its digest."""

    digest: Digest
    runtime: Runtime
    pools: tuple[Pool, ...] = ()
    routes: tuple[Route, ...] = ()
