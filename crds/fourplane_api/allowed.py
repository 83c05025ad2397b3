"""From which namespaces routes may attach to a runtime, in the manner of Gateway API's `allowedRoutes`."""

from enum import StrEnum, unique
from typing import Annotated, ClassVar

from pydantic import Field

from fourplane_api.base import ABSENT, ApiModel, NotEmpty, Rule, Unique
from fourplane_api.values import DnsLabel


@unique
class RouteNamespaces(StrEnum):
    """Whose routes may attach."""

    SAME = "Same"
    ALL = "All"
    NAMES = "Names"


class AllowedNamespaces(ApiModel):
    """The namespaces whose routes may attach."""

    cel: ClassVar[tuple[Rule, ...]] = (
        # The API server asks this of the default {} too, before it fills in its fields.
        Rule(
            "(has(self.from) && self.from == 'Names') == has(self.names)",
            "names must be set where from is Names, and only there",
            lambda allowed: (allowed.origin is RouteNamespaces.NAMES) == bool(allowed.names),
        ),
    )

    origin: RouteNamespaces = Field(
        default=RouteNamespaces.SAME,
        alias="from",
        description="Same takes routes of the runtime's own namespace, All those of every namespace, Names those of"
        " `names` and of its own. Default: Same.",
    )
    names: Annotated[tuple[DnsLabel, ...], Field(max_length=64), NotEmpty(), Unique()] = Field(
        default=(),
        json_schema_extra=ABSENT,
        description="Namespaces whose routes may attach, beside the runtime's own; only with Names. Default: none.",
    )


class AllowedRoutes(ApiModel):
    """Which routes may attach."""

    namespaces: AllowedNamespaces = Field(
        default=AllowedNamespaces(), description="Namespaces whose routes may attach. Default: the runtime's own."
    )
