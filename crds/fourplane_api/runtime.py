"""RuntimeDeployment: one runtime, with its callers, limits, pools and telemetry."""

from enum import StrEnum, unique
from typing import Annotated, ClassVar

from pydantic import Field, StrictBool, StrictInt, StrictStr

from fourplane_api.base import ABSENT, ApiModel, NotEmpty, Rule, Unique
from fourplane_api.durations import milliseconds
from fourplane_api.meta import Conditions, ObservedGeneration, Resource
from fourplane_api.values import (
    INT32_MAX,
    CollectorUrl,
    DnsLabel,
    Duration,
    Endpoint,
    EngineModelName,
    Extent,
    ModelRepository,
    TensorName,
)
from fourplane_core.control.snapshot import DataType


@unique
class Anonymous(StrEnum):
    """What happens to callers without an identity."""

    ALLOW = "Allow"
    DENY = "Deny"


class Callers(ApiModel):
    """Who may call."""

    anonymous: Anonymous = Field(
        default=Anonymous.DENY,
        description="Allow serves callers without an identity, Deny refuses them. Default: Deny.",
    )


class Limits(ApiModel):
    """Bounds on what one caller may ask of a worker."""

    max_request_bytes: StrictInt = Field(
        default=64 * 1024 * 1024,
        ge=1,
        le=INT32_MAX,
        description="Largest request message after inflation, in bytes. Default: 67108864 (64 MiB).",
    )
    max_response_bytes: StrictInt = Field(
        default=256 * 1024 * 1024,
        ge=1,
        le=INT32_MAX,
        description="Largest response message, in bytes. Default: 268435456 (256 MiB).",
    )
    max_metadata_bytes: StrictInt = Field(
        default=16 * 1024,
        ge=1024,
        le=1024 * 1024,
        description="Largest header block, in bytes as HTTP/2 counts: names, values and 32 for each pair."
        " Default: 16384 (16 KiB).",
    )
    max_streams_per_connection: StrictInt = Field(
        default=1024,
        ge=1,
        le=100_000,
        description="Requests and streams that one connection may have open at once, as a count. Default: 1024.",
    )
    max_deadline: Duration = Field(
        default="5m",
        description="Longest time that a unary request may take, as a duration such as 30s, from 1ms to 24h;"
        " also its deadline where the caller names none. Default: 5m.",
    )
    max_stream_duration: Duration = Field(
        default="1h",
        description="Longest life of a streaming call, as a duration such as 10m, from 1ms to 24h. Default: 1h.",
    )

    @property
    def max_deadline_ms(self) -> int:
        """Return `max_deadline` in milliseconds."""
        return milliseconds(self.max_deadline)

    @property
    def max_stream_duration_ms(self) -> int:
        """Return `max_stream_duration` in milliseconds."""
        return milliseconds(self.max_stream_duration)


class Tensor(ApiModel):
    """One input or output of a model."""

    name: TensorName = Field(description="Name of the tensor, as the engine knows it.")
    datatype: DataType = Field(description="Element type of the Open Inference Protocol v2, or BF16.")
    shape: tuple[Extent, ...] = Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="Extents in elements, the batch dimension included; -1 where any extent will do;"
        " an empty list for a scalar.",
    )


Tensors = Annotated[tuple[Tensor, ...], Field(max_length=64), Unique("name")]


class TritonModel(ApiModel):
    """One model that every engine of the pool serves, with its contract."""

    name: EngineModelName = Field(description="Name of the model in the engine's repository.")
    decoupled: StrictBool = Field(
        default=False, description="Whether one request may have any number of responses, 0 included. Default: false."
    )
    inputs: Tensors = Field(default=(), json_schema_extra=ABSENT, description="Inputs by name. Default: none declared.")
    outputs: Tensors = Field(
        default=(), json_schema_extra=ABSENT, description="Outputs by name. Default: none declared."
    )


class Triton(ApiModel):
    """A group of Triton servers that serve the same models."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.endpoints) != has(self.modelRepository)",
            "exactly one of endpoints and modelRepository must be set",
            lambda triton: bool(triton.endpoints) != bool(triton.model_repository),
        ),
    )

    endpoints: Annotated[tuple[Endpoint, ...], Field(max_length=64), NotEmpty(), Unique()] = Field(
        default=(),
        json_schema_extra=ABSENT,
        description="gRPC addresses of servers that run already, HOST:PORT each."
        " Default: none, and modelRepository must be set.",
    )
    model_repository: ModelRepository = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Folder of models, relative to the applied files; `fourplane up` starts a server for it."
        " Default: none, and endpoints must be set.",
    )
    models: Annotated[tuple[TritonModel, ...], Field(max_length=256), NotEmpty(), Unique("name")] = Field(
        description="Models that routes may name, by name."
    )


class Pool(ApiModel):
    """Interchangeable engine endpoints."""

    name: DnsLabel = Field(description="Name of the pool, unique within the runtime; routes refer to it.")
    triton: Triton = Field(description="The Triton servers of this pool.")


class Tracing(ApiModel):
    """Where spans go, and of how many requests."""

    endpoint: CollectorUrl = Field(description="Base URL of an OTLP/HTTP collector, http or https.")
    sample_per_million: StrictInt = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Share of requests without a sampling decision of their caller that are traced,"
        " in millionths (10000 is one in a hundred). Default: 0.",
    )


NO_TRACING = Tracing.model_construct(endpoint="", sample_per_million=0)
"""Stands for the absence of `tracing`: no spans are exported."""


class Telemetry(ApiModel):
    """What a worker reports."""

    tracing: Tracing = Field(
        default=NO_TRACING, json_schema_extra=ABSENT, description="Export of spans. Default: no spans are exported."
    )


class RuntimeDeploymentSpec(ApiModel):
    """What the runtime shall be."""

    callers: Callers = Field(default=Callers(), description="Who may call. Default: callers with an identity.")
    limits: Limits = Field(
        default=Limits(), description="Bounds on what one caller may ask of a worker. Default: those of each field."
    )
    pools: Annotated[tuple[Pool, ...], Field(max_length=32), NotEmpty(), Unique("name")] = Field(
        description="Inference pools by name."
    )
    telemetry: Telemetry = Field(default=Telemetry(), description="What a worker reports. Default: metrics alone.")


class RuntimeDeploymentStatus(ApiModel):
    """What the runtime is; written by the control plane."""

    conditions: Conditions = Field(default=(), json_schema_extra=ABSENT, description="State of the runtime by type.")
    observed_generation: ObservedGeneration = Field(
        default=0, json_schema_extra=ABSENT, description="The `metadata.generation` that this status speaks of."
    )
    digest: StrictStr = Field(
        default="",
        max_length=71,
        json_schema_extra=ABSENT,
        description="Name of the active snapshot: `sha256:` and 64 hexadecimal digits.",
    )
    applied: StrictStr = Field(
        default="",
        max_length=32,
        json_schema_extra=ABSENT,
        description="How many workers run the active snapshot, of how many: `3/4`.",
    )


class RuntimeDeployment(Resource):
    """One runtime: who may call it, its limits, its inference pools and its telemetry."""

    spec: RuntimeDeploymentSpec = Field(description="What the runtime shall be.")
    status: RuntimeDeploymentStatus = Field(
        default=RuntimeDeploymentStatus(), json_schema_extra=ABSENT, description="What the runtime is."
    )
