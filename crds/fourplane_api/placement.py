"""What the operator's pods get and where they may run, in the fields that pods have."""

from enum import StrEnum, unique
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fourplane_api.base import ABSENT, ApiModel, Rule
from fourplane_api.quantities import Labels, LabelValue, Quantities
from fourplane_api.values import EXACT_MAX, ImageOrNone, LabelKeyOrNone, NameOrNone

NO_TIME = -EXACT_MAX - 1
"""Stands for the absence of `tolerationSeconds`: for ever."""


class Resources(ApiModel):
    """What a container asks for, and the most that it gets."""

    requests: Quantities = Field(
        default={},
        json_schema_extra=ABSENT,
        description="What is set aside for each container, as quantities by resource, such as cpu: 500m."
        " Default: the operator's.",
    )
    limits: Quantities = Field(
        default={},
        json_schema_extra=ABSENT,
        description="The most that each container gets, as quantities by resource, such as memory: 2Gi."
        " Default: the operator's.",
    )


@unique
class TolerationOperator(StrEnum):
    """How a toleration compares."""

    EQUAL = "Equal"
    EXISTS = "Exists"


@unique
class TaintEffect(StrEnum):
    """What a taint does to pods that don't tolerate it."""

    ANY = ""
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """Taints that the pods may run in spite of."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.key != '' || self.operator == 'Exists'",
            "operator must be Exists where key is empty",
            lambda one: one.key != "" or one.operator is TolerationOperator.EXISTS,
        ),
        Rule(
            "self.value == '' || self.operator == 'Equal'",
            "value must be empty where operator is Exists",
            lambda one: one.value == "" or one.operator is TolerationOperator.EQUAL,
        ),
        Rule(
            "!has(self.tolerationSeconds) || self.effect == 'NoExecute'",
            "tolerationSeconds may only be set where effect is NoExecute",
            lambda one: one.toleration_seconds == NO_TIME or one.effect is TaintEffect.NO_EXECUTE,
        ),
    )

    key: LabelKeyOrNone = Field(default="", description="Key of the taint. Default: empty, every taint.")
    operator: TolerationOperator = Field(
        default=TolerationOperator.EQUAL,
        description="Exists takes any value of the taint, Equal the given one. Default: Equal.",
    )
    value: LabelValue = Field(default="", description="Value of the taint. Default: empty.")
    effect: TaintEffect = Field(
        default=TaintEffect.ANY, description="Effect of the taint. Default: empty, every effect."
    )
    toleration_seconds: Annotated[StrictInt, Field(ge=-EXACT_MAX, le=EXACT_MAX)] = Field(
        default=NO_TIME,
        json_schema_extra=ABSENT,
        description="How long a pod stays once there is such a taint, in seconds; 0 and less: not at all."
        " Default: for ever.",
    )


class Placement(ApiModel):
    """What pods get and where they run."""

    image: ImageOrNone = Field(
        default="", json_schema_extra=ABSENT, description="Image of the container. Default: empty, the operator's."
    )
    resources: Resources = Field(
        default=Resources(),
        json_schema_extra=ABSENT,
        description="What each container asks for and gets at most. Default: the operator's.",
    )
    node_selector: Labels = Field(
        default={}, json_schema_extra=ABSENT, description="Labels that a node must have. Default: none."
    )
    tolerations: Annotated[
        tuple[Toleration, ...], Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = Field(
        default=(), json_schema_extra=ABSENT, description="Taints that the pods may run in spite of. Default: none."
    )
    priority_class_name: NameOrNone = Field(
        default="",
        json_schema_extra=ABSENT,
        description="Name of the pods' PriorityClass. Default: empty, the cluster's default.",
    )


Replicas = Annotated[StrictInt, Field(ge=0, le=1000)]
Bound = Annotated[StrictInt, Field(ge=1, le=1000)]
BOUNDS_ARE_ORDERED = Rule(
    "self.minReplicas <= self.maxReplicas",
    "minReplicas must be at most maxReplicas",
    lambda scaling: scaling.min_replicas <= scaling.max_replicas,
)
