"""Inference pools: groups of engines that serve the same models, and how they are found."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictBool, StrictInt

from fourplane_api.base import ABSENT, ApiModel, NotEmpty, Rule, Unique
from fourplane_api.servers import DEFAULT_SERVER, Server
from fourplane_api.values import DnsLabel, Endpoint, EngineModelName, Extent, ModelRepository, TensorName
from fourplane_core.control.snapshot import DataType


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


class EngineService(ApiModel):
    """A Service of the runtime's namespace."""

    name: DnsLabel = Field(description="Name of the Service, in the runtime's namespace.")
    port: StrictInt = Field(ge=1, le=65535, description="Port of the Service that speaks gRPC, by number.")

    def __str__(self) -> str:
        """Return `NAME:PORT`; nothing where there is none."""
        return f"{self.name}:{self.port}" if self.name else ""


NO_SERVICE = EngineService.model_construct(name="", port=0)
"""Stands for the absence of `service`."""


class Triton(ApiModel):
    """A group of Triton servers that serve the same models."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.endpoints), has(self.service), has(self.modelRepository)].exists_one(given, given)",
            "exactly one of endpoints, service and modelRepository must be set",
            lambda triton: (
                [bool(triton.endpoints), bool(triton.service.name), bool(triton.model_repository)].count(True) == 1
            ),
        ),
        Rule(
            "!has(self.server) || has(self.modelRepository)",
            "server may only be set with modelRepository",
            lambda triton: "server" not in triton.model_fields_set or bool(triton.model_repository),
        ),
    )

    endpoints: Annotated[tuple[Endpoint, ...], Field(max_length=64), NotEmpty(), Unique()] = Field(
        default=(),
        json_schema_extra=ABSENT,
        description="gRPC addresses of servers that run already, HOST:PORT each."
        " Default: none, and service or modelRepository must be set.",
    )
    service: EngineService = Field(
        default=NO_SERVICE,
        json_schema_extra=ABSENT,
        description="Service whose endpoints speak the Open Inference Protocol over gRPC, as those of Triton, KServe"
        " and MLServer do; only a cluster has one. Default: none, and endpoints or modelRepository must be set.",
    )
    model_repository: ModelRepository = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Models for servers that are started here. A folder relative to the applied files, which"
        " `fourplane up` alone can serve; or pvc://CLAIM[/PATH], s3://BUCKET/PATH, gs://BUCKET/PATH or"
        " as://ACCOUNT/CONTAINER/PATH, which a cluster alone can serve."
        " Default: none, and endpoints or service must be set.",
    )
    server: Server = Field(
        default=DEFAULT_SERVER,
        json_schema_extra=ABSENT,
        description="How the operator runs the servers of modelRepository, and only with that; no effect on"
        " `fourplane up`. Default: that of each field.",
    )
    models: Annotated[tuple[TritonModel, ...], Field(max_length=256), NotEmpty(), Unique("name")] = Field(
        description="Models that routes may name, by name."
    )


class Pool(ApiModel):
    """Interchangeable engine endpoints."""

    name: DnsLabel = Field(description="Name of the pool, unique within the runtime; routes refer to it.")
    triton: Triton = Field(description="The Triton servers of this pool.")
