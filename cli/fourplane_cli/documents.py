"""YAML files into documents that know on which line each field stands."""

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 16 * 1024 * 1024
"""Largest file that is read, in bytes."""
MAX_NODES = 1_000_000
"""Largest document, in values after its aliases are followed."""


MAX_DEPTH = 100
"""Deepest nesting of lists and mappings."""


class UnreadableError(Exception):
    """A file, or what comes after some line of it, that is not readable YAML."""

    def __init__(self, line: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.remedy = remedy


_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Documents(_Loader):  # type: ignore[valid-type, misc]  # libyaml where it is there
    """Reads scalars as Kubernetes does: no timestamps and no numbers to the base of 60."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Return YAML 1.1's implicit types without those that Kubernetes does not have."""
    plain = re.compile(r"[^:]*\Z")
    kept: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for first, pairs in _Loader.yaml_implicit_resolvers.items():
        kept[first] = [
            (tag, re.compile(f"(?={plain.pattern})(?:{regex.pattern})", regex.flags))
            if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
            else (tag, regex)
            for tag, regex in pairs
            if tag != "tag:yaml.org,2002:timestamp"
        ]
    return kept


_Documents.yaml_implicit_resolvers = _resolvers()


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One YAML document of a file."""

    path: Path
    data: Any
    node: yaml.Node

    @property
    def line(self) -> int:
        """Return the line that it starts on, from 1 on."""
        return self.node.start_mark.line + 1

    def line_of(self, field: str) -> int:
        """Return the line of a field such as `spec.backends[1].weight`, or of the nearest one around it."""
        node, rest, line = self.node, field, self.line
        while rest:
            found = _step(node, rest)
            if found is None:
                break
            line, node, rest = found
        return line


def _step(node: yaml.Node, rest: str) -> tuple[int, yaml.Node, str] | None:
    """Follow the first part of a path: its line, its value, and what is left."""
    if isinstance(node, yaml.SequenceNode):
        match = re.match(r"\[(\d+)\]\.?", rest)
        if match is None or int(match[1]) >= len(node.value):
            return None
        item = node.value[int(match[1])]
        return item.start_mark.line + 1, item, rest[match.end() :]
    if isinstance(node, yaml.MappingNode):
        # A key may have dots of its own, so the longest that fits is the one that is meant.
        fitting = [(key, value) for key, value in node.value if _begins(rest, key)]
        if fitting:
            key, value = max(fitting, key=lambda pair: len(pair[0].value))
            return key.start_mark.line + 1, value, rest[len(key.value) :].removeprefix(".")
    return None


def _begins(rest: str, key: yaml.Node) -> bool:
    name = key.value
    return isinstance(name, str) and rest.startswith(name) and rest[len(name) : len(name) + 1] in ("", ".", "[")


def read_documents(path: Path) -> Iterator[Document]:
    """Yield the documents of a file; raise UnreadableError where it stops being readable, OSError where it is not."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(1, "this is no regular file", "remove it, or name it otherwise")
    if status.st_size > MAX_BYTES:
        raise UnreadableError(1, f"the file is larger than {MAX_BYTES} bytes", "split it, or move it elsewhere")
    data = path.read_bytes()
    _check_depth(data)
    try:
        loader = _Documents(data)
        while loader.check_node():
            node = loader.get_node()
            _check(node)
            yield Document(path, loader.construct_document(node), node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        raise UnreadableError(mark.line + 1 if mark else 1, f"this is no valid YAML: {problem}", _REMEDY) from error
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableError(1, f"this is no valid YAML: {' '.join(str(error).split())}", _REMEDY) from error


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting before nodes are composed: that is recursive, and in libyaml without a bound."""
    depth = 0
    try:
        for event in yaml.parse(data, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    mark = event.start_mark
                    raise UnreadableError(
                        mark.line + 1 if mark else 1, f"this is nested more than {MAX_DEPTH} levels deep", "flatten it"
                    )
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return  # the documents before the error are good; whoever reads on finds it again


def _check(root: yaml.Node) -> None:
    """Refuse keys that stand twice, aliases to themselves, and aliases that multiply beyond measure."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            if not known:
                raise UnreadableError(_line(node), "this alias refers to itself", "write the value out")
            return known
        sizes[id(node)] = 0
        total = 1 + sum(size(child) for child in _children(node))
        if total > MAX_NODES:
            raise UnreadableError(_line(node), f"this holds more than {MAX_NODES} values", "use fewer aliases")
        sizes[id(node)] = total
        return total

    size(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise UnreadableError(
                        _line(key), f"the key {key.value!r} stands there twice", "remove one of the two"
                    )
                seen.add(key.value)
            yield key
            yield value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def is_mapping(data: Any) -> bool:
    """Tell whether a document may be a resource: a mapping with names for keys."""
    return isinstance(data, Mapping) and all(isinstance(key, str) for key in data)


_MERGE = "tag:yaml.org,2002:merge"
_REMEDY = "correct it; `fourplane` reads the YAML that kubectl reads"
