"""Numbers of several processes as one: what a process counted stays counted when it dies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from fourplane_core.outcomes import Outcome
from fourplane_worker.telemetry.cells import BUCKETS_S

Key: TypeAlias = tuple[str, str, str]
"""Route, pool and backend."""

COUNTERS = ("connections", "connection_failures", "bytes_in", "bytes_out")
"""Numbers of a process that only grow."""
GAUGES = ("open_connections", "open_calls", "open_engine_calls")
"""Numbers of a process that end with it."""
_FINE = frozenset({Outcome.OK.value, Outcome.CANCELLED.value})


@dataclass(slots=True)
class Sum:
    """What was counted for one series."""

    outcomes: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    seconds: float = 0.0
    messages_in: int = 0
    messages_out: int = 0

    def add(self, other: "Sum") -> None:
        """Count what another one counted, too."""
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        for index, count in enumerate(other.buckets):
            self.buckets[index] += count
        self.seconds += other.seconds
        self.messages_in += other.messages_in
        self.messages_out += other.messages_out

    @property
    def requests(self) -> int:
        """Calls that ended."""
        return sum(self.outcomes.values())

    @property
    def errors(self) -> int:
        """Calls that ended neither well nor by their caller's wish."""
        return sum(count for outcome, count in self.outcomes.items() if outcome not in _FINE)


class Totals:
    """The numbers of processes, by their place."""

    def __init__(self) -> None:
        """Start at zero."""
        self._series: dict[int, dict[Key, Sum]] = {}
        self._numbers: dict[int, dict[str, float]] = {}
        self._gone: dict[Key, Sum] = {}
        self._gone_numbers = dict.fromkeys(COUNTERS, 0.0)

    def take(self, place: int, series: Iterable[tuple[Key, Sum]], numbers: Mapping[str, float] | None = None) -> None:
        """Take what the process at a place has counted since it started, where that changed."""
        self._series.setdefault(place, {}).update(series)
        if numbers is not None:
            self._numbers[place] = dict(numbers)

    def end(self, place: int) -> None:
        """Keep what the process at a place had counted; another one starts there at zero."""
        for key, counted in self._series.pop(place, {}).items():
            self._gone.setdefault(key, Sum()).add(counted)
        numbers = self._numbers.pop(place, {})
        for name in COUNTERS:
            self._gone_numbers[name] += numbers.get(name, 0)

    def series(self) -> dict[Key, Sum]:
        """Return the sum over all processes, dead ones included."""
        found: dict[Key, Sum] = {}
        for part in (self._gone, *self._series.values()):
            for key, counted in part.items():
                found.setdefault(key, Sum()).add(counted)
        return found

    def numbers(self) -> dict[str, float]:
        """Return counters over all processes, and gauges over those that live."""
        found = dict(self._gone_numbers) | dict.fromkeys(GAUGES, 0.0)
        for numbers in self._numbers.values():
            for name in found:
                found[name] += numbers.get(name, 0)
        return found
