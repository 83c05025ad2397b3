"""What happens now: rates and quantiles over the last seconds, from counters."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from fourplane_worker.telemetry.cells import BUCKETS_S
from fourplane_worker.telemetry.totals import Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Traffic over a window."""

    requests_per_s: float
    errors_per_s: float
    p50_ms: float | None
    """Half of the requests took less, in milliseconds; None where there were none."""
    p99_ms: float | None
    window_s: float


@dataclass(frozen=True, slots=True)
class _Point:
    at: float
    requests: int
    errors: int
    buckets: tuple[int, ...]


class Window:
    """Looks back a few seconds."""

    def __init__(self, length_s: float = 10.0) -> None:
        """Start without a past."""
        self._length_s = length_s
        self._points: deque[_Point] = deque()

    def add(self, at: float, series: Iterable[Sum]) -> None:
        """Take the counters of a moment."""
        total = Sum()
        for each in series:
            total.add(each)
        self._points.append(_Point(at, total.requests, total.errors, tuple(total.buckets)))
        while len(self._points) > 2 and at - self._points[1].at >= self._length_s:
            self._points.popleft()

    def rates(self) -> Rates:
        """Return what happened between the oldest and the newest moment."""
        if len(self._points) < 2:
            return Rates(requests_per_s=0.0, errors_per_s=0.0, p50_ms=None, p99_ms=None, window_s=0.0)
        first, last = self._points[0], self._points[-1]
        length = max(last.at - first.at, 1e-3)
        buckets = [after - before for before, after in zip(first.buckets, last.buckets, strict=True)]
        return Rates(
            requests_per_s=round((last.requests - first.requests) / length, 2),
            errors_per_s=round((last.errors - first.errors) / length, 2),
            p50_ms=quantile_ms(buckets, 0.5),
            p99_ms=quantile_ms(buckets, 0.99),
            window_s=round(length, 1),
        )


def quantile_ms(buckets: list[int], share: float) -> float | None:
    """Estimate a quantile from a histogram, evenly spread within each bucket; None where nothing was counted."""
    wanted = sum(buckets) * share
    if wanted <= 0:
        return None
    lower, seen = 0.0, 0
    for upper, count in zip(BUCKETS_S, buckets, strict=False):
        if count and seen + count >= wanted:
            return round(1000 * (lower + (upper - lower) * (wanted - seen) / count), 2)
        lower, seen = upper, seen + count
    return BUCKETS_S[-1] * 1000
