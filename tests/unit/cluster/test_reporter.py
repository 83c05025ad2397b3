"""The report is written when it changes, in the newest form, through conflicts, deletions and absences."""

import asyncio
import copy

import pytest

from fourplane_kube import ConflictError, NotFoundError, UnreachableError
from fourplane_worker.cluster.reporter import Reporter


class Server:
    """One stored object, as an API server keeps it."""

    def __init__(self):
        self.stored = None
        self.version = 0
        self.gone = False
        self.writes = 0
        self.reads = 0

    def _answer(self):
        if self.gone:
            raise UnreachableError("gone")

    async def get(self, kind, namespace, name):
        self._answer()
        self.reads += 1
        if self.stored is None:
            raise NotFoundError("none")
        return copy.deepcopy(self.stored)

    async def create(self, kind, namespace, body):
        self._answer()
        return self._store(body)

    async def replace(self, kind, namespace, body):
        self._answer()
        if self.stored is None:
            raise NotFoundError("none")
        if body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise ConflictError("another version")
        return self._store(body)

    def _store(self, body):
        self.writes += 1
        self.edit(body)
        return copy.deepcopy(self.stored)

    def edit(self, body):
        self.version += 1
        self.stored = copy.deepcopy(body)
        self.stored["metadata"]["resourceVersion"] = str(self.version)


class Bench:
    """A reporter, and the worker that it reports on."""

    def __init__(self):
        self.server = Server()
        self.says = "a"
        self.pools = "Up"
        self.now = 1000.0
        self.waits = []
        self.pulse = asyncio.Queue()
        self.reporter = Reporter(self.server, self.compose, self.changes, settle_s=0.0, clock=lambda: self.now)

    def compose(self):
        return {"metadata": {"namespace": "team", "name": "shop-0"}, "spec": {"says": self.says, "pools": self.pools}}

    async def changes(self, within_s):
        self.waits.append(within_s)
        return await self.pulse.get()

    def change(self, says):
        self.says = says
        self.pulse.put_nowait(True)

    async def pools_are(self, pools, *, after_s=0.0):
        """Let time pass and pools be otherwise; return how long it is waited on then at most."""
        self.now += after_s
        self.pools = pools
        waits = len(self.waits)
        self.pulse.put_nowait(True)
        await self.until(lambda: len(self.waits) > waits)
        return self.waits[-1]

    async def until(self, ready):
        async with asyncio.timeout(20):
            while not ready():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)

    def stored(self):
        return self.server.stored and self.server.stored["spec"]["says"]


@pytest.fixture
async def bench():
    bench = Bench()
    running = asyncio.create_task(bench.reporter.run())
    yield bench
    running.cancel()


async def test_a_report_is_created_and_then_replaced(bench):
    await bench.until(lambda: bench.stored() == "a")
    bench.change("b")
    await bench.until(lambda: bench.stored() == "b")
    assert (bench.server.writes, bench.server.reads) == (2, 1)


async def test_what_did_not_change_is_not_written(bench):
    await bench.until(lambda: bench.stored() == "a")
    for _ in range(5):
        bench.change("a")
    await bench.until(bench.pulse.empty)
    assert bench.server.writes == 1


async def test_what_another_one_wrote_is_read_and_replaced(bench):
    await bench.until(lambda: bench.stored() == "a")
    bench.server.edit({"metadata": {"namespace": "team", "name": "shop-0"}, "spec": {"says": "theirs"}})
    bench.change("b")
    await bench.until(lambda: bench.stored() == "b")


async def test_a_deleted_report_is_created_again(bench):
    await bench.until(lambda: bench.stored() == "a")
    bench.server.stored = None
    bench.change("b")
    await bench.until(lambda: bench.stored() == "b")


async def test_a_server_that_is_back_gets_the_newest_alone(bench):
    await bench.until(lambda: bench.stored() == "a")
    bench.server.gone = True
    bench.change("b")
    await bench.until(lambda: bench.reporter.trouble)
    bench.change("c")
    bench.server.gone = False
    await bench.until(lambda: bench.stored() == "c")
    assert bench.server.writes == 2
    assert not bench.reporter.trouble


async def test_what_changes_while_it_is_written_is_written_next(bench):
    await bench.until(lambda: bench.stored() == "a")
    store = bench.server._store

    def change_meanwhile(body):
        bench.server._store = store
        bench.says = "b"  # nobody waits for changes now, so nobody hears of this one
        return store(body)

    bench.server._store = change_meanwhile
    bench.change("c")
    await bench.until(lambda: bench.stored() == "b")


async def test_a_change_of_pools_alone_is_written_five_seconds_later_in_its_newest_form(bench):
    await bench.until(lambda: bench.stored() == "a" and bench.waits)
    assert await bench.pools_are("Down") == 5.0
    assert await bench.pools_are("Degraded", after_s=4.0) == 1.0
    assert bench.server.writes == 1
    await bench.pools_are("Degraded", after_s=1.0)
    assert (bench.server.writes, bench.server.stored["spec"]["pools"]) == (2, "Degraded")
    assert await bench.pools_are("Up") == 5.0


async def test_a_change_of_pools_that_passes_is_never_written(bench):
    await bench.until(lambda: bench.stored() == "a" and bench.waits)
    await bench.pools_are("Down")
    assert await bench.pools_are("Up", after_s=3.0) > 5.0
    await bench.pools_are("Up", after_s=3.0)
    assert bench.server.writes == 1
    assert await bench.pools_are("Down") == 5.0


async def test_another_change_takes_pools_along_at_once(bench):
    await bench.until(lambda: bench.stored() == "a" and bench.waits)
    await bench.pools_are("Down")
    bench.change("b")
    await bench.until(lambda: bench.stored() == "b")
    assert (bench.server.writes, bench.server.stored["spec"]["pools"]) == (2, "Down")
