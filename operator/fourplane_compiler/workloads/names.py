"""The names of all that a RuntimeDeployment makes: one place, and no two things under one name.

A name ends in a word of ours, or in ten digits of a hash over all that it stands for; no such word is ten digits.
So runtime `a` with pool `b-c` and runtime `a-b` with pool `c` differ, and so does what was cut short.
"""

import hashlib
import re

LONGEST = 63
"""Characters of a Service's name and of a label's value."""
_HASH = 10
_READABLE = LONGEST - _HASH - 1
_SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


def workers(runtime: str) -> str:
    """Return the name of the workers' Deployment, of its account and of the Service for clients."""
    return _named(runtime, "worker")


def worker_metrics(runtime: str) -> str:
    """Return the name of the Service for what scrapes workers."""
    return _named(runtime, "worker-metrics")


def worker_keys(runtime: str) -> str:
    """Return the name of the ConfigMap with the public keys that workers trust."""
    return _named(runtime, "worker-keys")


def engines(runtime: str) -> str:
    """Return the name of the account of all pools' pods."""
    return _named(runtime, "engine")


def pool_service(runtime: str, pool: str) -> str:
    """Return the name of a managed pool's Service and Deployment; workers find its endpoints by it."""
    return _hashed(f"{_shortened(runtime, pool)}-{pool}", "pool", runtime, pool)


def label_value(name: str) -> str:
    """Return a name as the value of a label: itself where it can be one, else cut short, with a hash."""
    return name if len(name) <= LONGEST and _LABEL.fullmatch(name) else _hashed(name, "label", name)


def _named(runtime: str, word: str) -> str:
    """Join a runtime's name and a word of ours; a hash stands in where that is no name of a Service."""
    name = f"{runtime}-{word}"
    if len(name) <= LONGEST and _SERVICE_NAME.fullmatch(name):
        return name
    return _hashed(f"{runtime[: _READABLE - len(word) - 1]}-{word}", word, runtime)


def _shortened(runtime: str, pool: str) -> str:
    """Leave room for the pool's name, which tells more, but keep half of the room at most for it."""
    room = _READABLE - 1 - min(len(pool), _READABLE // 2)
    return runtime[:room].rstrip("-.") or "runtime"


def _hashed(readable: str, *what: str) -> str:
    digits = hashlib.sha256("\0".join(what).encode()).hexdigest()[:_HASH]
    text = readable.replace(".", "-").replace("_", "-")
    text = text if text[0].isalpha() else f"r{text}"
    return f"{text[:_READABLE].rstrip('-')}-{digits}"
