"""The API reference, written from the same schemas as the definitions."""

from collections.abc import Iterator

from fourplane_api.base import JsonSchema
from fourplane_api.crd import DEFINITIONS, MACHINES, USERS, Definition
from fourplane_api.meta import API_VERSION
from fourplane_api.schema import structural

_INTRODUCTION = f"""\
# API reference: {API_VERSION}

Written by `make crds` from the models in `crds/fourplane_api`; edit those.

Every kind is namespaced. Those that users write come first, in the category `{USERS}` (`kubectl get {USERS}`);
those that machines write stand [below](#written-by-machines). Nothing is coerced: `"1"` is not an integer and `1` not
a string. Unknown fields are refused. `null` is the same as leaving a field out.

Durations are [Gateway API durations](https://gateway-api.sigs.k8s.io/geps/gep-2257/): up to four numbers with a unit
each (`h`, `m`, `s`, `ms`), for example `500ms`, `30s`, `1h30m`.
"""
_MACHINES = f"""\
## Written by machines

The operator and the workers write these kinds, and nobody else should: they are in the category `{MACHINES}`
(`kubectl get {MACHINES}`), `fourplane` refuses them in a folder of resources, and none has a status.

What is signed stands in them as the very bytes of a worker's state folder, in base64. A worker goes by those bytes
alone, and verifies hashes and signatures before use; the fields beside them are for people, tables and rules.

The name of a ConfigShard or ConfigSnapshot is its digest with `-` for `:`, as object names hold no colon:
`sha256-` and 64 hexadecimal digits. That is 71 characters, too many for the value of a label.
"""


def text() -> str:
    """Return the whole reference in Markdown."""
    return "\n".join((_INTRODUCTION, *_kinds(USERS, "##"), _MACHINES, *_kinds(MACHINES, "###")))


def _kinds(category: str, heading: str) -> Iterator[str]:
    return (_kind(definition, heading) for definition in DEFINITIONS if definition.category == category)


def _kind(definition: Definition, heading: str) -> str:
    schema = structural(definition.model)
    lines = [
        f"{heading} {definition.kind}",
        "",
        f"Short name `{definition.short}`. {schema['description']}",
        "",
        "| field | type | required | bounds | meaning |",
        "|---|---|---|---|---|",
    ]
    rules = [f"- {rule['message']}" for rule in schema.get("x-kubernetes-validations", [])]
    for path, node, required in _fields("", schema):
        cells = (f"`{path}`", _type(node), "yes" if required else "", _bounds(node), node["description"])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        rules += _rules(path, node)
    return "\n".join([*lines, "", *(["Rules:", "", *rules, ""] if rules else [])])


def _fields(path: str, node: JsonSchema) -> Iterator[tuple[str, JsonSchema, bool]]:
    """Yield each field below a schema, the frame of every object apart: path, schema, whether it must be given."""
    for name, child in node.get("properties", {}).items():
        if path or name not in ("apiVersion", "kind", "metadata"):
            below = f"{path}.{name}".removeprefix(".")
            yield below, child, name in node.get("required", ())
            yield from _fields(below, child)
    if items := node.get("items"):
        yield from _fields(f"{path}[]", items)


def _rules(path: str, node: JsonSchema) -> list[str]:
    """Return a line for each rule of a field, and for each of its elements where they are scalars."""
    lines = [f"- `{path}`: {rule['message']}" for rule in node.get("x-kubernetes-validations", [])]
    return lines + (_rules(f"{path}[]", node["items"]) if "items" in node else [])


def _type(node: JsonSchema) -> str:
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if "x-kubernetes-int-or-string" in node:
        return "string or integer"
    if node["type"] == "array":
        return f"list of {_type(node['items'])}"
    if "additionalProperties" in node:
        return f"map to {_type(node['additionalProperties'])}"
    return str(node["type"])


def _bounds(node: JsonSchema) -> str:
    """Say what values are permitted, those of a scalar list's elements included."""
    bounds = [
        f"{node.get('minimum', '')} to {node['maximum']}" if "maximum" in node else "",
        f"{node.get('minItems', 0)} to {node['maxItems']} elements" if "maxItems" in node else "",
        f"at most {node['maxProperties']} keys" if "maxProperties" in node else "",
        f"at most {node['maxLength']} characters" if "maxLength" in node else "",
        f"matches `{node['pattern']}`" if "pattern" in node else "",
        f"unique by {', '.join(node['x-kubernetes-list-map-keys'])}" if "x-kubernetes-list-map-keys" in node else "",
        "unique" if node.get("x-kubernetes-list-type") == "set" else "",
    ]
    items = node.get("items", node.get("additionalProperties", {}))
    inner = _bounds(items) if items and "properties" not in items else ""
    return ", ".join(bound for bound in bounds if bound) + (f"; each {inner}" if inner else "")
