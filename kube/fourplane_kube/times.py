"""Times as the API server writes them."""

from datetime import UTC, datetime


def timestamp(seconds: float, precision: str = "seconds") -> str:
    """Return seconds since 1970 as RFC 3339 in UTC; `precision` is that of `datetime.isoformat`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
