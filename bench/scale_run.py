"""One number of routes: the first snapshot, edits, and requests beside them."""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scale_resources import MANAGER, a_route
from scale_site import NAMESPACE, Operator, Site, Worker, moment, until

from fourplane_kube import Cluster, Object
from fourplane_kube.kinds import MODEL_ROUTE, WORKER_REPORT

HERE = Path(__file__).parent
REST_S = 10.0
"""How long everything is watched at rest."""
QUIET_S = 1.0
"""Pause between two edits, so that each is one step."""
LOAD_PER_S = 200.0


@dataclass(slots=True)
class Edited:
    """What came of one edit."""

    accepted: float
    served: list[float]
    """When each worker served it."""
    ready_s: float
    """Seconds until its status said Ready for its new generation."""

    @property
    def last_s(self) -> float:
        """Return the seconds until the last worker served it."""
        return max(self.served) - self.accepted


@dataclass(slots=True)
class Bench:
    """One number of routes."""

    site: Site
    cluster: Cluster
    operator: Operator
    workers: Sequence[Worker]
    routes: int
    sequence: int = 0
    _weight: int = field(default=10)

    async def edit(self, workers: Sequence[Worker], index: int) -> Edited:
        """Change one route's weights, and wait until all serve it and its status says so."""
        self._weight = 11 + (self._weight + 7) % 80
        await self.cluster.apply(MODEL_ROUTE, NAMESPACE, a_route(index, self._weight), manager=MANAGER)
        accepted = time.time()
        self.sequence += 1
        served = await until(lambda: _all([one.served(self.sequence) for one in workers]), f"edit {self.sequence}")
        while True:
            found = await self.cluster.get(MODEL_ROUTE, NAMESPACE, f"route-{index}")
            if _is_ready(found):
                return Edited(accepted, served, time.time() - accepted)
            await asyncio.sleep(0.02)

    async def begin(self) -> dict[str, float]:
        """Wait for the first snapshot and the first statuses."""
        operator = self.operator
        first = (await until(lambda: operator.said("activated"), "the first snapshot"))[0]
        cpu, counts = operator.cpu_s(), operator.counts()
        self.sequence = self._decided()
        served = await until(lambda: _all([one.served(self.sequence) for one in self.workers]), "the first workers")
        await self.told(self.routes)
        return {
            "first_s": moment(first) - operator.begun,
            "first_cpu_s": cpu,
            "first_compile_s": counts["fourplane_operator_compile_seconds_sum"],
            "first_served_s": max(served) - operator.begun,
            "first_told_s": time.time() - operator.begun,
            "first_status_writes": operator.counts()["fourplane_operator_status_writes_total"],
            "rss_first_mb": operator.memory_mb("VmRSS"),
        }

    def _decided(self) -> int:
        return int(self.operator.said("activated")[-1]["revision"].partition(".")[2])

    async def told(self, at_least: int) -> None:
        """Wait until no status and no Event waits to be written."""
        posted = -1.0
        while True:
            now = self.operator.counts()
            done = now["fourplane_operator_status_writes_total"] >= at_least
            before, posted = posted, sum(value for name, value in now.items() if _is_event(name))
            if done and now["fourplane_operator_status_backlog"] == 0 and posted == before:
                return
            await asyncio.sleep(3)

    def costs(self) -> dict[str, float]:
        """Return what was spent up to now."""
        counts = self.operator.counts()
        asked = {name: value for name, value in counts.items() if name.startswith("fourplane_api_requests_total")}
        writes = sum(value for name, value in asked.items() if 'method="GET"' not in name)
        return {
            "at": time.time(),
            "operator_cpu": self.operator.cpu_s(),
            "worker_cpu": sum(one.cpu_s() for one in self.workers) / len(self.workers),
            "bytes": counts["fourplane_api_written_bytes_total"],
            "writes": writes,
            "status_writes": counts["fourplane_operator_status_writes_total"],
        }

    async def edits(self, number: int) -> dict[str, Any]:
        """Measure edits, one after the other."""
        start = self.costs()
        await asyncio.sleep(REST_S)
        rested = self.costs()
        rest = {name: (rested[name] - start[name]) / (rested["at"] - start["at"]) for name in start}
        before, done = self.costs(), []
        for one in range(number):
            done.append(await self.edit(self.workers, one * self.routes // number))
            await asyncio.sleep(QUIET_S)
        after = self.costs()
        took = after["at"] - before["at"]
        each = {name: (after[name] - before[name] - rest[name] * took) / number for name in before}
        last = [one.last_s * 1000 for one in done]
        return {
            "last_p50_ms": statistics.median(last),
            "last_p95_ms": percentile(last, 95),
            "first_worker_p50_ms": statistics.median((min(one.served) - one.accepted) * 1000 for one in done),
            "ready_p50_ms": statistics.median(one.ready_s * 1000 for one in done),
            "edit_bytes": each["bytes"],
            "edit_writes": each["writes"],
            "edit_status_writes": each["status_writes"],
            "edit_operator_cpu_ms": each["operator_cpu"] * 1000,
            "edit_worker_cpu_ms": each["worker_cpu"] * 1000,
            "rest_operator_cpu": rest["operator_cpu"],
            "rest_worker_cpu": rest["worker_cpu"],
        }

    async def leave_one(self) -> None:
        """End all workers but one, and take their reports away, as Kubernetes does with those of a pod that is gone."""
        for one in self.workers[1:]:
            one.stop()
            await self.cluster.delete(WORKER_REPORT, NAMESPACE, one.name)
        await asyncio.sleep(3)
        self.sequence = self._decided()

    async def stalls(self, engine: int, swaps: int) -> dict[str, float]:
        """Send requests through one worker that is left alone, with and without swaps, twice each in turns.

        What requests pass through goes first on the cores: the control plane would not be on a worker's own.
        """
        worker = self.workers[0]
        first = all(_raised(pid) for pid in (*worker.family(), engine))
        calm: list[float] = []
        worst: list[float] = []
        slowest: list[float] = []
        for _ in range(2):
            load = await self._load(worker.port, swaps)
            quiet = await self._took(load)
            calm += [ms for _, ms in quiet]
            load = await self._load(worker.port, swaps)
            await asyncio.sleep(1)
            done = []
            for one in range(swaps):
                done.append(await self.edit([worker], one * self.routes // swaps))
                await asyncio.sleep(0.3)
            busy = await self._took(load)
            slowest += [ms for _, ms in busy]
            for each in done:
                within = [ms for at, ms in busy if each.accepted - 0.1 <= at <= each.served[0] + 0.3]
                worst += [max(within)] if within else []
        return {
            "calm_p50_ms": statistics.median(calm),
            "calm_p999_ms": percentile(calm, 99.9),
            "calm_max_ms": max(calm),
            "swap_p999_ms": percentile(slowest, 99.9),
            "swap_max_ms": max(worst),
            "swap_worst_p50_ms": statistics.median(worst),
            "raised": first,
        }

    async def _load(self, port: int, swaps: int) -> asyncio.subprocess.Process:
        seconds = str(2 + 1.5 * swaps)
        arguments = ["--port", str(port), "--model", "model-0", "--rate", str(LOAD_PER_S), "--seconds", seconds]
        load = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "pace.py"), *arguments, "--out", str(self.site.folder / "answers.json")
        )
        _raised(load.pid)
        return load

    async def _took(self, load: asyncio.subprocess.Process) -> list[tuple[float, float]]:
        """Wait for the end of a load, and return when each request was sent and its milliseconds."""
        assert await load.wait() == 0
        took = json.loads((self.site.folder / "answers.json").read_text())
        if failed := [status for _, _, status in took if status != "0"]:
            raise SystemExit(f"{len(failed)} of {len(took)} requests failed: {sorted(set(failed))}")
        return [(at, ms) for at, ms, _ in took]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that so many of a hundred don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share / 100 * len(ordered) + 0.5) - 1)]


def _all(moments: list[float]) -> list[float]:
    return moments if all(moments) else []


def _is_ready(route: Object) -> bool:
    return any(
        (one["type"], one["status"], one["observedGeneration"]) == ("Ready", "True", route["metadata"]["generation"])
        for one in route.get("status", {}).get("conditions", ())
    )


def _raised(pid: int) -> bool:
    """Let a process go first, where that is permitted."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), -15)
    except PermissionError:
        return False
    return True


def _is_event(name: str) -> bool:
    return name.startswith("fourplane_api_requests_total") and 'kind="Event"' in name
