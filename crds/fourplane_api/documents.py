"""YAML text into documents and back, as the API server's own tools read it.

PyYAML alone differs where it hurts: `2026-01-31` becomes a date, `1:30` the number 90, `1e3` a string, and of two equal
keys the first is dropped without a word.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_REPLACED = (_INT, _FLOAT, "tag:yaml.org,2002:timestamp")
_EXACT = 2**53


class UnreadableDocumentError(Exception):
    """A text is not YAML, or not YAML that can hold resources."""

    def __init__(self, line: int, message: str) -> None:
        """Keep where and why; lines count from 1."""
        self.line = line
        self.message = message
        super().__init__(f"line {line}: {message}")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as kubectl has it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f'key "{key.value}" stands twice', key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep=deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Return 1.0 and 1e3 as the integers that they are in JSON."""
        number = float(self.construct_yaml_float(node))
        return int(number) if number.is_integer() and abs(number) < _EXACT else number


class _Dumper(yaml.SafeDumper):
    """Quotes what either reading would take for something else; writes equal parts twice rather than as aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never use one."""
        del data
        return True


_NUMBERS = (
    (_INT, re.compile(r"[-+]?(0b[01_]+|0[0-7_]*|0x[0-9A-Fa-f_]+|[1-9][0-9_]*)$")),
    (
        _FLOAT,
        re.compile(r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
    ),
)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS:
    _Loader.add_implicit_resolver(_tag, _pattern, list("-+.0123456789"))
    _Dumper.add_implicit_resolver(_tag, _pattern, list("-+.0123456789"))
_Loader.add_constructor(_FLOAT, _Loader.construct_number)


def dump(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, its keys in the order given."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def load(text: str) -> tuple[Mapping[str, Any], ...]:
    """Return the documents of a file, the empty ones left out, or raise UnreadableDocumentError."""
    try:
        return tuple(_document(node) for node in yaml.compose_all(text, _Loader) if not _is_empty(node))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnreadableDocumentError(line, error.problem or "not YAML") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableDocumentError(1, str(error)) from error


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _document(node: yaml.Node) -> Mapping[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise UnreadableDocumentError(node.start_mark.line + 1, "a resource must be a mapping of keys to values")
    document: Mapping[str, Any] = _Loader("").construct_document(node)
    return document
