"""RuntimeDeployment: one runtime, with its callers, limits, pools, telemetry and workers."""

from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

from fourplane_api.allowed import AllowedRoutes
from fourplane_api.base import ABSENT, ApiModel, NotEmpty, Unique
from fourplane_api.digests import SHORT_DIGITS
from fourplane_api.limits import Callers, Limits
from fourplane_api.meta import Conditions, ObservedGeneration, Resource
from fourplane_api.pools import Pool
from fourplane_api.values import CollectorUrl
from fourplane_api.workers import Workers


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

    allowed_routes: AllowedRoutes = Field(
        default=AllowedRoutes(),
        description="Which routes may attach. Default: those of the runtime's own namespace.",
    )
    callers: Callers = Field(default=Callers(), description="Who may call. Default: callers with an identity.")
    limits: Limits = Field(
        default=Limits(), description="Bounds on what one caller may ask of a worker. Default: those of each field."
    )
    pools: Annotated[tuple[Pool, ...], Field(max_length=32), NotEmpty(), Unique("name")] = Field(
        description="Inference pools by name."
    )
    telemetry: Telemetry = Field(default=Telemetry(), description="What a worker reports. Default: metrics alone.")
    workers: Workers = Field(
        default=Workers(),
        description="The fleet that the operator runs, in a cluster; no effect on `fourplane up`."
        " Default: those of each field.",
    )


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
    digest_short: StrictStr = Field(
        default="",
        max_length=SHORT_DIGITS,
        json_schema_extra=ABSENT,
        description="The first 12 hexadecimal digits of `digest`, for tables.",
    )
    revision: StrictStr = Field(
        default="",
        max_length=33,
        json_schema_extra=ABSENT,
        description="Which activation asked for it: EPOCH.SEQUENCE.",
    )
    applied: StrictStr = Field(
        default="",
        max_length=32,
        json_schema_extra=ABSENT,
        description="How many workers run the active snapshot, of how many: `3/4`.",
    )
    propagation: StrictStr = Field(
        default="",
        max_length=24,
        json_schema_extra=ABSENT,
        description="Time from the activation to the last worker's acknowledgement, as a duration such as `412ms`;"
        " absent until all have it.",
    )


class RuntimeDeployment(Resource):
    """One runtime: who may call it, its limits, its inference pools, its telemetry and its workers."""

    spec: RuntimeDeploymentSpec = Field(description="What the runtime shall be.")
    status: RuntimeDeploymentStatus = Field(
        default=RuntimeDeploymentStatus(), json_schema_extra=ABSENT, description="What the runtime is."
    )
