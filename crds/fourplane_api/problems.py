"""What is wrong with a document, by field, in the words of the API server."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fourplane_api.base import BROKEN

_TYPES = {
    "string_type": "string",
    "int_type": "integer",
    "int_from_float": "integer",
    "bool_type": "boolean",
    "model_type": "object",
    "dict_type": "object",
    "tuple_type": "array",
}
_JSON: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (Mapping, "object"),
    ((list, tuple), "array"),
)
_BOUNDS = {
    "greater_than_equal": "should be greater than or equal to {ge}",
    "less_than_equal": "should be less than or equal to {le}",
    "string_too_long": "Too long: may not be longer than {max_length}",
    "too_long": "Too many: {actual_length}: must have at most {max_length} items",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a resource."""

    field: str
    """Path as in YAML: `spec.backends[1].weight`; empty for the document itself."""
    message: str
    remedy: str = ""
    """What to do, where the message alone does not say it."""

    def __str__(self) -> str:
        """Return one line for people."""
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.message}" + (f" ({self.remedy})" if self.remedy else "")


class InvalidResourceError(Exception):
    """A document is not a resource of this group, or not a valid one."""

    def __init__(self, kind: str, name: str, problems: tuple[Problem, ...]) -> None:
        """Keep what was found."""
        self.kind = kind
        self.name = name
        self.problems = problems
        super().__init__(f"{kind or 'document'} {name or '(no name)'}: " + "; ".join(map(str, problems)))


def path(location: tuple[str | int, ...]) -> str:
    """Write a location as people do."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def type_name(value: object) -> str:
    """Return the JSON type of a parsed YAML value."""
    return next((name for kinds, name in _JSON if isinstance(value, kinds)), type(value).__name__)


def wrong_type(expected: str, value: object) -> tuple[str, str]:
    """Return message and remedy for a value of another type."""
    quote = expected == "string" and isinstance(value, bool | int | float)
    return f'must be of type {expected}: "{type_name(value)}"', "write it in quotes" if quote else ""


def problems_of(model: type[BaseModel], error: ValidationError) -> tuple[Problem, ...]:
    """Turn pydantic's findings into ours."""
    return tuple(problem for details in error.errors(include_url=False) for problem in _problems(model, details))


def _problems(model: type[BaseModel], details: ErrorDetails) -> tuple[Problem, ...]:
    location = details["loc"]
    match details["type"]:
        case kind if kind == BROKEN:
            return tuple(Problem(path(location + b.at), b.message, b.remedy) for b in details["ctx"]["broken"])
        case "extra_forbidden":
            return (_unknown(model, location),)
        case _:
            return (Problem(path(location), *_message(details)),)


def _message(details: ErrorDetails) -> tuple[str, str]:
    """Word one of pydantic's own findings, and its remedy."""
    kind, value = details["type"], details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "missing":
        return "Required value", ""
    if kind == "enum":
        return _not_among(context["expected"], value)
    if kind in _TYPES:
        return wrong_type(_TYPES[kind], value)
    return (_BOUNDS[kind].format_map(context) if kind in _BOUNDS else details["msg"]), ""


def _not_among(expected: str, value: object) -> tuple[str, str]:
    """Word an enum's refusal; pydantic lists the values as `'A', 'B' or 'C'`."""
    values = expected.replace(" or ", ", ").replace("'", "").split(", ")
    if not isinstance(value, str):
        return wrong_type("string", value)
    listed = ", ".join(f'"{name}"' for name in values)
    return f'Unsupported value: "{value}": supported values: {listed}', did_you_mean(value, values)


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a hint at the nearest known name, or nothing."""
    folded = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower().replace("_", ""), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]}?" if near else ""


def _unknown(model: type[BaseModel], location: tuple[str | int, ...]) -> Problem:
    name = str(location[-1])
    return Problem(path(location), f'unknown field "{path(location)}"', did_you_mean(name, _fields(model, location)))


def _fields(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Return the names of the fields beside an unknown one."""
    here: type[BaseModel] = model
    for step in location[:-1]:
        if isinstance(step, str):
            here = _model_in(here, step)
    return [info.alias or name for name, info in here.model_fields.items()]


def _model_in(model: type[BaseModel], alias: str) -> type[BaseModel]:
    """Return the model of a field, or of its elements."""
    annotation = next(info.annotation for name, info in model.model_fields.items() if alias in (name, info.alias))
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    raise LookupError(alias)
