"""A process's numbers for its supervisor: only what changed, in pieces that hold up no request."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fourplane_worker.front.front import Front
from fourplane_worker.front.pools import Endpoint
from fourplane_worker.process.messages import CONNECTING, Counts, Reach, Report
from fourplane_worker.telemetry.cells import Series

_PIECE = 250
"""Series looked at between two turns of the loop: about a third of a millisecond."""


class Reporter:
    """Remembers what it said last."""

    def __init__(self, front: Front) -> None:
        """Report on a front."""
        self._front = front
        self._said: dict[Series, int] = {}

    async def report(self, ask: int) -> AsyncIterator[Report]:
        """Yield the pieces of a report; the last one has the totals."""
        every = self._front.cells.all()
        for start in range(0, len(every), _PIECE):
            if start:
                await asyncio.sleep(0)
            changed = [series for series in every[start : start + _PIECE] if self._is_new(series)]
            if changed:
                yield Report(id=ask, series=[asdict(_counts(series)) for series in changed])
        yield Report(id=ask, series=[], totals=self._totals(), pools=self._pools())

    def _is_new(self, series: Series) -> bool:
        now = sum(series.buckets) + series.messages_in + series.messages_out
        if self._said.get(series) == now:
            return False
        self._said[series] = now
        return True

    def _totals(self) -> dict[str, float]:
        cells = self._front.cells
        return {
            "connections": cells.connections,
            "connection_failures": cells.connection_failures,
            "open_connections": len(self._front.clients),
            "open_calls": cells.open_calls,
            "open_engine_calls": sum(
                endpoint.in_flight for pool in self._front.pools.values() for endpoint in pool.endpoints.values()
            ),
            "bytes_in": cells.bytes_in,
            "bytes_out": cells.bytes_out,
        }

    def _pools(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {
            pool.name: {endpoint.address: asdict(_reach(endpoint)) for endpoint in pool.endpoints.values()}
            for pool in self._front.pools.values()
        }


def _reach(endpoint: Endpoint) -> Reach:
    """Tell what is known; one that is not reached was found wrong before, if at all."""
    if not endpoint.connections:
        return Reach(failure=endpoint.failure or CONNECTING)
    return Reach(broken=dict(endpoint.broken))


def _counts(series: Series) -> Counts:
    return Counts(
        route=series.route,
        pool=series.pool,
        backend=series.backend,
        outcomes={outcome.value: count for outcome, count in series.outcomes.items() if count},
        buckets=list(series.buckets),
        seconds=series.seconds,
        messages_in=series.messages_in,
        messages_out=series.messages_out,
    )
