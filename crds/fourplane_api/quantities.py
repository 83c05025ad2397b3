"""Maps from names to strings or quantities, as Kubernetes has them in pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StrictStr
from pydantic_core import CoreSchema, core_schema

from fourplane_api.base import JsonSchema, Pattern, Rule

KEYS_ARE_SHORT = Rule(
    "self.all(key, key.size() >= 1 && key.size() <= 317)",
    "keys must have 1 to 317 characters",
    lambda mapping: all(1 <= len(key) <= 317 for key in mapping),
)
"""253 of a domain, a slash and 63 of a name. The API server judges the rest once a pod is made of it."""


@dataclass(frozen=True, slots=True)
class _OrInteger:
    """A string that may be written as an integer from 0 on, as the API server has quantities."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read an integer as its digits, before the string is checked."""
        return core_schema.no_info_before_validator_function(_digits, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Permit both types; bounds on the one have no effect on the other."""
        described: JsonSchema = handler(schema)
        del described["type"]
        both = [{"type": "integer"}, {"type": "string"}]
        return described | {"anyOf": both, "x-kubernetes-int-or-string": True, "minimum": 0}


def _digits(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _without_nulls(value: Any) -> Any:
    """Drop the keys without a value, as the API server does."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, Mapping) else value


Quantity = Annotated[
    StrictStr,
    Field(max_length=24),
    Pattern(r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$", "write a quantity such as 500m, 2 or 1536Mi"),
    _OrInteger(),
]
LabelValue = Annotated[
    StrictStr,
    Field(max_length=63),
    Pattern(
        r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$",
        "use letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    ),
]

NULLS_ARE_ABSENT = BeforeValidator(_without_nulls)
Quantities = Annotated[dict[StrictStr, Quantity], Field(max_length=16), KEYS_ARE_SHORT, NULLS_ARE_ABSENT]
Labels = Annotated[dict[StrictStr, LabelValue], Field(max_length=16), KEYS_ARE_SHORT, NULLS_ARE_ABSENT]
Annotations = Annotated[
    dict[StrictStr, Annotated[StrictStr, Field(max_length=4096)]],
    Field(max_length=32),
    KEYS_ARE_SHORT,
    NULLS_ARE_ABSENT,
]
