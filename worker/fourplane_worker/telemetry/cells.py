"""Counters that cost a tenth of a microsecond: plain numbers, turned into metrics when they are scraped."""

from bisect import bisect_left

from fourplane_core.outcomes import Outcome

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the latency histogram, in seconds; one more bucket takes what is above."""


class Series:
    """What was counted for one route and backend; both are empty for what was refused before it had one."""

    __slots__ = ("backend", "buckets", "messages_in", "messages_out", "outcomes", "pool", "route", "seconds")

    def __init__(self, route: str, pool: str, backend: str) -> None:
        """Start at zero."""
        self.route = route
        self.pool = pool
        self.backend = backend
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.buckets = [0] * (len(BUCKETS_S) + 1)
        self.seconds = 0.0
        self.messages_in = 0
        self.messages_out = 0

    def ended(self, outcome: Outcome, seconds: float) -> None:
        """Count a call that ended."""
        self.outcomes[outcome] += 1
        self.buckets[bisect_left(BUCKETS_S, seconds)] += 1
        self.seconds += seconds


class Cells:
    """All numbers of one process."""

    def __init__(self) -> None:
        """Start at zero."""
        self._series: dict[tuple[str, str, str], Series] = {}
        self.unrouted = self.series("", "", "")
        self.connections = 0
        self.connection_failures = 0
        self.open_calls = 0
        self.bytes_in = 0
        """Bytes of calls' requests, as they came."""
        self.bytes_out = 0
        """Bytes of calls' responses, as they went."""

    def series(self, route: str, pool: str, backend: str) -> Series:
        """Return the series of a route and backend."""
        key = (route, pool, backend)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series(route, pool, backend)
        return found

    def all(self) -> tuple[Series, ...]:
        """Return every series."""
        return tuple(self._series.values())
