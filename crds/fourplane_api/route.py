"""ModelRoute: where requests for one public model go."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fourplane_api.base import ABSENT, ApiModel, NotEmpty, Rule, Transition
from fourplane_api.durations import milliseconds
from fourplane_api.meta import Conditions, ObservedGeneration, Resource
from fourplane_api.values import (
    AffinityHeader,
    DnsLabel,
    DnsSubdomain,
    Duration,
    EngineModelName,
    ModelVersion,
    PublicModelName,
)

# Moving a route is a deletion in one snapshot and an addition in another, which no swap can make atomic.
# The public model is free to change: that is one edit of one entry, rolled out and back as any other.
RUNTIME_IS_FIXED = Transition(
    "self == oldSelf",
    "a route cannot move to another runtime: create a route there, then delete this one",
    lambda new, old: new == old,
)


# What is left out can't be compared by a rule of its own.
RUNTIME_NAMESPACE_IS_FIXED = Transition(
    "has(self.__namespace__) == has(oldSelf.__namespace__)"
    " && (!has(self.__namespace__) || self.__namespace__ == oldSelf.__namespace__)",
    RUNTIME_IS_FIXED.message,
    lambda new, old: new.namespace == old.namespace,
)


class RuntimeRef(ApiModel):
    """The runtime that serves a route."""

    transitions: ClassVar[tuple[Transition, ...]] = (RUNTIME_NAMESPACE_IS_FIXED,)

    name: Annotated[DnsSubdomain, RUNTIME_IS_FIXED] = Field(
        description="Name of the RuntimeDeployment. Cannot be changed."
    )
    namespace: DnsLabel = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Namespace of the RuntimeDeployment, whose allowedRoutes must permit the route's own. Cannot be"
        " changed, nor added or removed. Default: the route's own.",
    )


class PublicModel(ApiModel):
    """The model as callers name it."""

    name: PublicModelName = Field(description="Model name that callers send.")
    version: ModelVersion = Field(
        default="", description="Model version that callers send. Default: empty, callers name none."
    )


class Backend(ApiModel):
    """One candidate of a route."""

    pool: DnsLabel = Field(description="Name of a pool of the runtime.")
    model: EngineModelName = Field(description="Name of a model of the pool.")
    version: ModelVersion = Field(
        default="", description="Engine's version of the model. Default: empty, the engine chooses."
    )
    weight: StrictInt = Field(
        default=1,
        ge=0,
        le=1_000_000,
        description="Share of the traffic, relative to the sum of all weights; 0 takes none. Default: 1.",
    )


class Affinity(ApiModel):
    """What keeps a caller on one backend."""

    header: AffinityHeader = Field(description="Metadata key, in lower case, whose value chooses the backend.")


NO_AFFINITY = Affinity.model_construct(header="")
"""Stands for the absence of `affinity`: each request is spread on its own."""

# One list, one owner: a weight means something only beside its siblings, so the list is atomic, not a map
# that several field managers may merge into.
Backends = Annotated[
    tuple[Backend, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    NotEmpty(),
    Rule(
        "self.all(a, self.exists_one(b, a.pool == b.pool && a.model == b.model && a.version == b.version))",
        "no two backends may have the same pool, model and version",
        lambda backends: len({(b.pool, b.model, b.version) for b in backends}) == len(backends),
    ),
    Rule(
        "self.exists(b, b.weight > 0)",
        "at least one backend must have a weight above 0",
        lambda backends: any(b.weight > 0 for b in backends),
    ),
]


class ModelRouteSpec(ApiModel):
    """What the route shall be."""

    runtime_ref: RuntimeRef = Field(description="The runtime that serves this route.")
    model: PublicModel = Field(description="The model as callers name it.")
    backends: Backends = Field(description="Where its requests go, by weight.")
    deadline: Duration = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Longest time for a unary request, as a duration such as 30s, from 1ms to 24h."
        " Default: the runtime's maxDeadline.",
    )
    affinity: Affinity = Field(
        default=NO_AFFINITY,
        json_schema_extra=ABSENT,
        description="What keeps a caller on one backend. Default: each request is spread on its own.",
    )

    @property
    def deadline_ms(self) -> int:
        """Return `deadline` in milliseconds; 0 where there is none."""
        return milliseconds(self.deadline)


class ModelRouteStatus(ApiModel):
    """What the route is; written by the control plane."""

    conditions: Conditions = Field(default=(), json_schema_extra=ABSENT, description="State of the route by type.")
    observed_generation: ObservedGeneration = Field(
        default=0, json_schema_extra=ABSENT, description="The `metadata.generation` that this status speaks of."
    )


class ModelRoute(Resource):
    """Where requests for one public model go: to which pools and models, by weight."""

    spec: ModelRouteSpec = Field(description="What the route shall be.")
    status: ModelRouteStatus = Field(
        default=ModelRouteStatus(), json_schema_extra=ABSENT, description="What the route is."
    )
