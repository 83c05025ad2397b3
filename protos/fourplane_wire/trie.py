"""The binary trie over sha-256(key) whose leaves are the shards: persistent, and a function of its content alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from fourplane_wire.manifest import ShardRef

LEAF_BYTES = 64 * 1024
"""A prefix is a leaf when its entries fit in this many bytes, or there is but one, and its parent's do not."""
_BITS = 256


@dataclass(frozen=True, slots=True)
class Item:
    """An encoded entry and its place."""

    key: str
    path: int
    """sha-256 of the key, as a number of 256 bits."""
    data: bytes

    @classmethod
    def of(cls, key: str, data: bytes) -> "Item":
        """Place an encoded entry."""
        return cls(key, path_of(key), data)


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A shard."""

    items: tuple[Item, ...]
    """In the order of their keys."""
    data: bytes
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A prefix whose entries don't fit in one shard."""

    zero: "Node"
    one: "Node"
    size: int
    count: int


Node: TypeAlias = Leaf | Branch
Changes: TypeAlias = Mapping[str, bytes | None]
"""Encoded entries by key; None removes one."""


def path_of(key: str) -> int:
    """Return a key's place, as a number of 256 bits."""
    return int.from_bytes(sha256(key.encode()).digest(), "big")


def is_below(path: int, prefix: str) -> bool:
    """Tell whether a place lies under a prefix of bits."""
    return not prefix or path >> (_BITS - len(prefix)) == int(prefix, 2)


def _leaf(items: Iterable[Item]) -> Leaf:
    ordered = tuple(sorted(items, key=lambda item: item.key))
    data = b"".join([item.data for item in ordered])
    return Leaf(ordered, data, sha256(data).hexdigest())


EMPTY: Node = _leaf(())
"""The trie without entries."""


def update(node: Node, changes: Changes) -> Node:
    """Return the trie after the changes; what they don't touch is shared with the old one."""
    placed = [(path_of(key), key, data) for key, data in changes.items()]
    return _update(node, placed, 0) if placed else node


def leaves(node: Node, prefix: str = "") -> Iterator[tuple[ShardRef, Leaf]]:
    """Yield every shard that holds an entry, in the order of the prefixes."""
    if isinstance(node, Branch):
        yield from leaves(node.zero, prefix + "0")
        yield from leaves(node.one, prefix + "1")
    elif node.items:
        ref = ShardRef(prefix=prefix, sha256=node.sha256, size_bytes=len(node.data), entries=len(node.items))
        yield ref, node


def get(node: Node, key: str) -> bytes | None:
    """Return the encoded entry of a key."""
    path, depth = path_of(key), 0
    while isinstance(node, Branch):
        node = node.one if _bit(path, depth) else node.zero
        depth += 1
    return next((item.data for item in node.items if item.key == key), None)


def changed_keys(old: Node, new: Node) -> Iterator[str]:
    """Yield the key of every entry that differs, once; what both share costs nothing."""
    if old is new or (isinstance(old, Leaf) and isinstance(new, Leaf) and old.sha256 == new.sha256):
        return
    if isinstance(old, Branch) and isinstance(new, Branch):
        yield from changed_keys(old.zero, new.zero)
        yield from changed_keys(old.one, new.one)
        return
    before = {item.key: item.data for item in _items(old)}
    after = {item.key: item.data for item in _items(new)}
    yield from (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def _bit(path: int, depth: int) -> int:
    return (path >> (_BITS - 1 - depth)) & 1


def _weigh(node: Node) -> tuple[int, int]:
    return (node.size, node.count) if isinstance(node, Branch) else (len(node.data), len(node.items))


def _update(node: Node, placed: list[tuple[int, str, bytes | None]], depth: int) -> Node:
    if isinstance(node, Leaf):
        items = {item.key: item for item in node.items}
        for path, key, data in placed:
            if data is None:
                items.pop(key, None)
            else:
                items[key] = Item(key, path, data)
        return _build(list(items.values()), depth)
    zeros = [one for one in placed if not _bit(one[0], depth)]
    ones = [one for one in placed if _bit(one[0], depth)]
    zero = _update(node.zero, zeros, depth + 1) if zeros else node.zero
    one = _update(node.one, ones, depth + 1) if ones else node.one
    return _join(zero, one)


def _join(zero: Node, one: Node) -> Node:
    (size, count), (more, others) = _weigh(zero), _weigh(one)
    if size + more <= LEAF_BYTES or count + others <= 1:
        return _leaf([*_items(zero), *_items(one)])
    return Branch(zero, one, size + more, count + others)


def _items(node: Node) -> Iterator[Item]:
    if isinstance(node, Branch):
        yield from _items(node.zero)
        yield from _items(node.one)
    else:
        yield from node.items


def _build(items: list[Item], depth: int) -> Node:
    size = sum(len(item.data) for item in items)
    if size <= LEAF_BYTES or len(items) <= 1:
        return _leaf(items)
    zero = _build([item for item in items if not _bit(item.path, depth)], depth + 1)
    one = _build([item for item in items if _bit(item.path, depth)], depth + 1)
    return Branch(zero, one, size, len(items))
