"""Weighted choice with stable hashing: the same key stays where it is unless weights force it to move."""

import math
from hashlib import blake2b
from typing import Protocol, TypeVar

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class Weighted(Protocol):
    """A candidate of a weighted choice."""

    @property
    def weight(self) -> int:
        """Relative share; 0 takes none."""
        ...

    @property
    def salt(self) -> int:
        """64 bits that name the candidate, independent of weight and position."""
        ...


W = TypeVar("W", bound=Weighted)


def key_of(value: bytes) -> int:
    """Hash any bytes to a routing key of 64 bits, the same on every machine."""
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big")


def mix(value: int) -> int:
    """Spread 64 bits over 64 bits (the finalizer of SplitMix64)."""
    value = (value + _STEP) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def distance(salt: int, weight: int, key: int) -> float:
    """Return how far a candidate is from a key; the nearest is chosen (weighted rendezvous hashing).

    `-ln(u) / weight` with u uniform in (0, 1] is exponential with rate `weight`, so the nearest candidate is each with
    probability weight / sum, and a changed weight moves no key between two other candidates.
    """
    uniform = (mix(salt ^ key) + 1) / (_MASK + 2)
    return -math.log(uniform) / weight


def choose(candidates: tuple[W, ...], key: int) -> W | None:
    """Return the candidate for a key, or None where every weight is 0."""
    best, nearest = None, math.inf
    for candidate in candidates:
        if candidate.weight > 0:
            here = distance(candidate.salt, candidate.weight, key)
            if best is None or here < nearest:
                best, nearest = candidate, here
    return best
