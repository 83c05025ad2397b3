"""What every kind has: object metadata and status conditions."""

import re
from enum import StrEnum, unique
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StrictStr

from fourplane_api.base import ABSENT, ApiModel, Broken, Pattern, Unique, refuse
from fourplane_api.values import EXACT_MAX, DnsLabel, DnsSubdomain

GROUP = "fourplane.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _is_rfc3339(value: str) -> str:
    if not _RFC3339.fullmatch(value):
        raise refuse(Broken("must be of type date-time", "write it as 2026-01-31T12:00:00Z"))
    return value


Timestamp = Annotated[
    StrictStr, Field(max_length=64, json_schema_extra={"format": "date-time"}), AfterValidator(_is_rfc3339)
]


class ObjectMeta(ApiModel):
    """The part of `metadata` that fourplane reads; the rest is the API server's and is not kept."""

    model_config = ConfigDict(extra="ignore")

    name: DnsSubdomain = Field(description="Name, unique among the objects of this kind in the namespace.")
    namespace: DnsLabel = Field(default="default", description="Namespace of the object.")
    labels: dict[StrictStr, StrictStr] = Field(default={}, description="Labels.")
    annotations: dict[StrictStr, StrictStr] = Field(default={}, description="Annotations.")
    uid: StrictStr = Field(default="", description="Identity that the API server gave; empty outside a cluster.")
    generation: StrictInt = Field(default=0, description="Number of the spec's edits; 0 outside a cluster.")
    creation_timestamp: StrictStr | None = Field(
        default=None, description="Time of creation (RFC 3339); none outside a cluster."
    )


@unique
class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One aspect of an object's state, as `metav1.Condition`."""

    type: Annotated[
        StrictStr,
        Field(max_length=316),
        Pattern(
            r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            "write the type in CamelCase, for example Ready",
        ),
    ] = Field(description="Which aspect, in CamelCase.")
    status: ConditionStatus = Field(description="Whether it holds: True, False or Unknown.")
    reason: Annotated[
        StrictStr,
        Field(max_length=1024),
        Pattern(r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", "write the reason in CamelCase"),
    ] = Field(description="Why, as one CamelCase word of a closed list.")
    message: StrictStr = Field(max_length=32768, description="Why, for people, and what to do next; may be empty.")
    last_transition_time: Timestamp = Field(description="When `status` last changed (RFC 3339).")
    observed_generation: StrictInt = Field(
        default=0,
        ge=0,
        le=EXACT_MAX,
        json_schema_extra=ABSENT,
        description="The `metadata.generation` that this condition speaks of.",
    )


Conditions = Annotated[tuple[Condition, ...], Field(max_length=12), Unique("type")]
ObservedGeneration = Annotated[StrictInt, Field(ge=0, le=EXACT_MAX)]


class Resource(ApiModel):
    """What the kinds share."""

    metadata: ObjectMeta = Field(description="Standard object metadata.")

    @property
    def full_name(self) -> str:
        """Return `NAMESPACE/NAME`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    def document(self) -> dict[str, Any]:
        """Return the shortest document that parses to this object."""
        return {"apiVersion": API_VERSION, "kind": type(self).__name__} | self.body()
