"""Models into structural OpenAPI schemas, the form that a CustomResourceDefinition takes."""

from collections.abc import Mapping
from typing import Any

from fourplane_api.base import JsonSchema
from fourplane_api.meta import Resource
from fourplane_api.values import INT32_MAX

_ORDER = (
    "description",
    "type",
    "x-kubernetes-int-or-string",
    "anyOf",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "required",
    "maxProperties",
    "properties",
    "additionalProperties",
    "items",
)
"""What a schema may hold, in the order of writing."""
_DROPPED = frozenset({"title", "x-fourplane-absent"})
"""What pydantic writes and a structural schema neither needs nor, in part, permits."""


def structural(kind: type[Resource]) -> JsonSchema:
    """Return the schema of a kind: no references, no unknown keys, defaults where the API server shall fill them in."""
    described = kind.model_json_schema(by_alias=True)
    definitions = described.pop("$defs")
    described["properties"]["metadata"] = {"type": "object"}
    schema = _node(described, definitions)
    header = {
        "apiVersion": {"description": "Version of this representation of the object.", "type": "string"},
        "kind": {"description": "What the object is.", "type": "string"},
    }
    schema["properties"] = header | schema["properties"]
    schema["required"] = [name for name in schema["required"] if name != "metadata"]
    return schema


def _node(raw: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """Resolve, clean and order one schema and all below it."""
    node = dict(raw)
    if reference := node.pop("$ref", ""):
        node = definitions[reference.rpartition("/")[2]] | node
    node = {key: value for key, value in _with_default(node).items() if key not in _DROPPED}
    if node.get("additionalProperties") is False:  # a structural schema says that by naming its properties
        del node["additionalProperties"]
    if "properties" in node:
        node["properties"] = {name: _node(child, definitions) for name, child in node["properties"].items()}
    node |= {key: _node(node[key], definitions) for key in ("items", "additionalProperties") if key in node}
    if node.get("type") == "integer":
        node["format"] = "int32" if node["maximum"] <= INT32_MAX else "int64"
    return _ordered(node)


def _with_default(node: JsonSchema) -> JsonSchema:
    """Keep the default that the API server shall fill in, if any."""
    if node.get("x-fourplane-absent"):
        return {key: value for key, value in node.items() if key != "default"}
    if "default" in node and node["type"] == "object":
        return node | {"default": {}}  # the defaults of its fields do the rest
    return node


def _ordered(node: JsonSchema) -> dict[str, Any]:
    """Put keys in the order of writing; a key that is not in it has no place in a CRD."""
    if unknown := node.keys() - set(_ORDER):
        raise ValueError(f"no structural form of {sorted(unknown)} in: {node.get('description')}")
    return {key: node[key] for key in _ORDER if key in node}
