"""YAML files into documents that know on which line each field stands."""

import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
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
    """One YAML document of a file, or one item of a list."""

    path: Path
    data: Any
    line: int
    """The line that it starts on, from 1 on."""
    above: int
    """Lines of the file before the text that `root` composes."""
    root: Callable[[], yaml.Node]
    """Gives its nodes; where it can, composes them anew: kept, they would be most of what a folder takes."""

    def line_of(self, field: str) -> int:
        """Return the line of a field such as `spec.backends[1].weight`, or of the nearest one around it."""
        rest, line = field, self.line
        node = self.root() if rest else None
        while node is not None and rest:
            found = _step(node, rest)
            if found is None:
                break
            line, node, rest = found[0] + self.above, found[1], found[2]
        return line

    def moved(self, lines: int) -> "Document":
        """Return the same document further down."""
        return Document(self.path, self.data, self.line + lines, self.above + lines, self.root) if lines else self


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


def read_text(path: Path) -> bytes:
    """Return what stands in a file; raise UnreadableError when it is nothing to read, OSError when it can't be."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(1, "this is no regular file", "remove it, or name it otherwise")
    if status.st_size > MAX_BYTES:
        raise UnreadableError(1, f"the file is larger than {MAX_BYTES} bytes", "split it, or move it elsewhere")
    return path.read_bytes()


def pieces_of(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield texts that, where all are valid YAML, hold together the documents of the whole; and the lines above each.

    At the start of a line, `---` begins a document and can be nothing else. Directives and `...` reach over documents,
    and other characters than the newline end lines too: a text with any of those has no pieces.
    """
    if _ONE_PIECE.search(text):
        return
    places = [0, *(match.start() for match in _BEGIN.finditer(text) if match.start()), len(text)]
    above = 0
    for begin, end in pairwise(places):
        yield above, text[begin:end]
        above += text.count(b"\n", begin, end)


def parse_documents(path: Path, text: bytes, *, is_piece: bool = False) -> Iterator[Document]:
    """Yield the documents of a text, items of lists on their own; raise UnreadableError where it stops being readable.

    A piece has at most one document: its nodes are composed again when they are needed.
    """
    _check_depth(text)
    try:
        loader = _Documents(text)
        while loader.check_node():
            node = loader.get_node()
            _check(node)
            data = loader.construct_document(node)
            if is_mapping(data) and data.get("kind") == "List" and isinstance(data.get("items"), list):
                yield from _items(path, data["items"], node)
            else:
                root = partial(_compose, text) if is_piece else partial(_same, node)
                yield Document(path, data, _line(node), 0, root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        raise UnreadableError(mark.line + 1 if mark else 1, f"this is no valid YAML: {problem}", _REMEDY) from error
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableError(1, f"this is no valid YAML: {' '.join(str(error).split())}", _REMEDY) from error


def _items(path: Path, items: list[Any], node: yaml.Node) -> Iterator[Document]:
    *_, nodes = (value.value for key, value in node.value if key.value == "items")
    for item, below in zip(items, nodes, strict=True):
        yield Document(path, item, _line(below), 0, partial(_same, below))


def _compose(text: bytes) -> yaml.Node:
    loader = _Documents(text)
    node: yaml.Node = loader.get_single_node()
    loader.construct_document(node)  # puts what `<<` merges in its place
    return node


def _same(node: yaml.Node) -> yaml.Node:
    return node


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting before nodes are composed: that is recursive, and in libyaml without a bound."""
    if sum(map(data.count, _OPENINGS)) <= MAX_DEPTH:
        return  # each level needs one of them for itself
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
        total = 1
        for child in _children(node):
            total += 1 if type(child) is yaml.ScalarNode else size(child)
        if total > MAX_NODES:
            raise UnreadableError(_line(node), f"this holds more than {MAX_NODES} values", "use fewer aliases")
        sizes[id(node)] = total
        return total

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if type(key) is yaml.ScalarNode and key.tag != _MERGE:
                if key.value in seen:
                    raise UnreadableError(
                        _line(key), f"the key {key.value!r} stands there twice", "remove one of the two"
                    )
                seen.add(key.value)
            children += key, value
    return children


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def is_mapping(data: Any) -> bool:
    """Tell whether a document may be a resource: a mapping with names for keys."""
    return isinstance(data, Mapping) and all(isinstance(key, str) for key in data)


_BEGIN = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_ONE_PIECE = re.compile(rb"^(?:%|\.\.\.)|\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|[\xfe\xff]", re.MULTILINE)
_OPENINGS = (b"[", b"{", b"-", b":", b"?")
_MERGE = "tag:yaml.org,2002:merge"
_REMEDY = "correct it; `fourplane` reads the YAML that kubectl reads"
