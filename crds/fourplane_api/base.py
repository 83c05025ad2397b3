"""The base of every model, and the annotations that mean the same to Python and to the API server."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

JsonSchema = dict[str, Any]

BROKEN = "fourplane_broken"
"""The pydantic error type of every check of our own; its context holds `Broken` values under `broken`."""

ABSENT: JsonSchema = {"x-fourplane-absent": True}
"""Marks a field whose Python default stands for its absence, so that the API server must not fill it in."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One check that a value did not pass."""

    message: str
    remedy: str = ""
    at: tuple[str | int, ...] = ()
    """Where below the checked value."""


def refuse(*broken: Broken) -> PydanticCustomError:
    """Make the error that a validator raises."""
    return PydanticCustomError(BROKEN, "invalid", {"broken": broken})


class _Check(ABC):
    """An annotation that checks a value after pydantic did, and writes itself into the JSON schema."""

    __slots__ = ()

    @abstractmethod
    def broken(self, value: Any) -> tuple[Broken, ...]:
        """Say what is wrong with the value."""

    @abstractmethod
    def describe(self, schema: JsonSchema) -> None:
        """Add this check to the schema of its value."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Run after the checks of the inner type."""

        def check(value: Any) -> Any:
            if broken := self.broken(value):
                raise refuse(*broken)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Describe the inner type, then this check."""
        described: JsonSchema = handler(schema)
        self.describe(described)
        return described


@dataclass(frozen=True, slots=True)
class Rule(_Check):
    """A check written twice, in CEL and in Python, with one message."""

    cel: str
    message: str
    holds: Callable[[Any], bool]

    def broken(self, value: Any) -> tuple[Broken, ...]:
        """Ask the Python form."""
        return () if self.holds(value) else (Broken(self.message),)

    def describe(self, schema: JsonSchema) -> None:
        """Write the CEL form."""
        schema.setdefault("x-kubernetes-validations", []).append({"rule": self.cel, "message": self.message})


@dataclass(frozen=True, slots=True)
class Transition:
    """A check of a new value against the one that it replaces."""

    cel: str
    message: str
    holds: Callable[[Any, Any], bool]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Write the CEL form; Python asks in `check_update`."""
        described: JsonSchema = handler(schema)
        self.describe(described)
        return described

    def describe(self, schema: JsonSchema) -> None:
        """Write the CEL form."""
        schema.setdefault("x-kubernetes-validations", []).append({"rule": self.cel, "message": self.message})


@dataclass(frozen=True, slots=True)
class Pattern(_Check):
    """A regular expression that Python and RE2 read alike, and its meaning in words."""

    regex: str
    says: str
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile once."""
        object.__setattr__(self, "compiled", re.compile(self.regex))

    def broken(self, value: Any) -> tuple[Broken, ...]:
        """Match the whole value (`$` alone would let a line feed pass)."""
        if self.compiled.fullmatch(value):
            return ()
        return (Broken(f"should match '{self.regex}'", self.says),)

    def describe(self, schema: JsonSchema) -> None:
        """Write the pattern."""
        schema["pattern"] = self.regex


@dataclass(frozen=True, slots=True)
class NotEmpty(_Check):
    """At least one element (pydantic's `min_length` counts the valid ones alone, and so blames twice)."""

    def broken(self, value: Any) -> tuple[Broken, ...]:
        """Count."""
        return () if value else (Broken("should have at least 1 items"),)

    def describe(self, schema: JsonSchema) -> None:
        """Write the bound."""
        schema["minItems"] = 1


@dataclass(frozen=True, slots=True)
class Unique(_Check):
    """A list without duplicates: of scalars (a set), or of models that differ in `key` (a map)."""

    key: str = ""

    def broken(self, value: Any) -> tuple[Broken, ...]:
        """Name each element that repeats an earlier one, as the API server words it."""
        seen: set[object] = set()
        broken = []
        for index, item in enumerate(value):
            identity = getattr(item, self.key) if self.key else item
            if identity in seen:
                shown = f'{{"{to_camel(self.key)}":"{identity}"}}' if self.key else f'"{identity}"'
                broken.append(Broken(f"Duplicate value: {shown}", "remove or rename one of the two", (index,)))
            seen.add(identity)
        return tuple(broken)

    def describe(self, schema: JsonSchema) -> None:
        """Write the list type."""
        schema["x-kubernetes-list-type"] = "map" if self.key else "set"
        if self.key:
            schema["x-kubernetes-list-map-keys"] = [to_camel(self.key)]


class ApiModel(BaseModel):
    """A frozen object of the API: camelCase in YAML, snake_case in Python, nothing unknown, nothing coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    cel: ClassVar[tuple[Rule, ...]] = ()
    """Rules over several fields of this object."""
    transitions: ClassVar[tuple[Transition, ...]] = ()
    """Rules over this object and the one that it replaces."""

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_absent(cls, value: Any) -> Any:
        """Drop the nulls of known fields, as the API server does before it fills in defaults."""
        if not isinstance(value, Mapping):
            return value
        known = {info.alias for info in cls.model_fields.values()}
        return {key: item for key, item in value.items() if item is not None or key not in known}

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        """Report every rule that is broken, not the first alone."""
        if broken := tuple(broken for rule in self.cel for broken in rule.broken(self)):
            raise refuse(*broken)
        return self

    def body(self) -> dict[str, Any]:
        """Return the shortest JSON that parses to this object: no defaults, and so no nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Describe the fields, then the rules over them."""
        described = handler.resolve_ref_schema(handler(schema))
        for rule in cls.cel:
            rule.describe(described)
        for transition in cls.transitions:
            transition.describe(described)
        return described
