"""A bounded memory of what comes more than once."""

from typing import Generic, TypeVar

V = TypeVar("V")

_SEEN_MOST = 2048
_OVERHEAD = 300
"""About what one entry costs in objects, beside its bytes."""


class Cache(Generic[V]):
    """Keep values by encoded bytes from their second coming on, those lately used the longest.

    Unique keys (trace identifiers, deadlines) leave only a hash behind and so push nothing out.
    Two generations stand for a least-recently-used order, since a look-up must cost no more than a dict's.
    """

    __slots__ = ("_half", "_old", "_seen", "_weight", "young")

    def __init__(self, most_bytes: int) -> None:
        self.young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}
        self._seen: set[int] = set()
        self._half = most_bytes // 2
        self._weight = 0

    def recall(self, key: bytes) -> V | None:
        """Return what is known, from either generation; look into `young` first where it is hot."""
        value = self.young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self._keep(key, value, len(key))
        return value

    def offer(self, key: bytes, value: V, extra: int) -> None:
        """Keep the value, of `extra` bytes beside its key, if the key has come before."""
        if len(key) + extra > self._half >> 2:
            return
        mark = hash(key)
        if mark in self._seen:
            self._keep(key, value, extra)
            return
        if len(self._seen) >= _SEEN_MOST:
            self._seen.clear()
        self._seen.add(mark)

    def clear(self) -> None:
        """Forget everything."""
        self.young = {}
        self._old = {}
        self._seen.clear()
        self._weight = 0

    def _keep(self, key: bytes, value: V, extra: int) -> None:
        weight = len(key) + extra + _OVERHEAD
        if self._weight + weight > self._half:
            self._old = self.young
            self.young = {}
            self._weight = 0
        self._weight += weight
        self.young[key] = value
