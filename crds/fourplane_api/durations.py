"""Gateway API durations (GEP-2257): `1h30m`, `500ms`."""

import re

DAY_MS = 24 * 60 * 60 * 1000
_UNIT_MS = {"h": 60 * 60 * 1000, "m": 60 * 1000, "s": 1000, "ms": 1}
_PART = re.compile(r"([0-9]{1,5})(h|ms|m|s)")


def milliseconds(duration: str) -> int:
    """Return a duration that has passed its model's pattern in milliseconds; 0 where there is none."""
    return sum(int(count) * _UNIT_MS[unit] for count, unit in _PART.findall(duration))
