"""The values of the fields that a manager holds, found by its entry in managedFields (fieldsV1)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_ITSELF = "."


def digest_of(value: Any) -> str:
    """Return a hash of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def values_of(fields: Mapping[str, Any], found: Any) -> Any:
    """Return the held part of a value: all of it where no parts are told apart, None where it is not there."""
    if not fields:
        return found
    return {step: values_of(below, _part(found, step)) for step, below in fields.items() if step != _ITSELF}


def _part(found: Any, step: str) -> Any:
    """Go one step down: `f:` a field, `k:` the item with these keys, `v:` the item of a set, `i:` a place in a list."""
    kind, _, name = step.partition(":")
    if kind == "f":
        return found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, list):
        return None
    if kind == "i":
        return found[int(name)] if int(name) < len(found) else None
    wanted = json.loads(name)
    if kind == "k":
        return next((one for one in found if isinstance(one, Mapping) and wanted.items() <= one.items()), None)
    return wanted if wanted in found else None
