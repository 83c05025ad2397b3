"""The queue of statuses: the newest for each, only where it differs, and never onto something else."""

import asyncio
import contextlib

import pytest
from operator_making import ROUTE, FakeCluster, a_route

from fourplane_api import Condition, ConditionStatus
from fourplane_compiler.diagnostics import SourceRef
from fourplane_kube import RefusedError, UnreachableError
from fourplane_operator.errors import NotLeadingError
from fourplane_operator.gathering import Gathered
from fourplane_operator.guarded import Writer
from fourplane_operator.pacing import Bucket
from fourplane_operator.statuses import Statuses, Wanted


def ref(name="r"):
    return SourceRef(ROUTE, f"default/{name}")


def wanted(status="True", *, generation=1, message=""):
    condition = Condition(
        type="Ready",
        status=ConditionStatus(status),
        reason="Ready",
        message=message,
        last_transition_time="2026-01-01T00:00:00Z",
        observed_generation=generation,
    )
    return Wanted(generation, (condition,), {})


async def until(look):
    """Wait until something is so."""
    pause = asyncio.Event()
    while not look():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pause.wait(), 0.002)


class Permitting:
    """Leadership, given or not."""

    lost = False

    def check(self):
        if self.lost:
            raise NotLeadingError("lost")


class World:
    def __init__(self):
        self.cluster = FakeCluster()
        self.leadership = Permitting()
        self.gathered = Gathered(lambda _: None)
        self.told, self.wrote = [], 0
        self.statuses = Statuses(
            Writer(self.cluster, self.leadership),
            self.gathered,
            Bucket(1000.0, 1000, asyncio.get_running_loop().time),
            0.01,
            writes=lambda *said: self.told.append(said),
            wrote=self.count,
        )

    def count(self):
        self.wrote += 1

    def store(self, name="r", **more):
        document = a_route(name, version=0, **more)
        stored = self.cluster._stored((ROUTE, name), document)
        self.gathered.saw(stored)
        return stored

    def stored(self, name="r"):
        return self.cluster.objects[ROUTE, name].get("status", {})

    def patches(self):
        return [name for method, _, name in self.cluster.asked if method == "PATCH"]

    @contextlib.asynccontextmanager
    async def writing(self):
        task = asyncio.ensure_future(self.statuses.run())
        try:
            yield
            await until(lambda: not self.statuses.backlog and not self.statuses._busy)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def told(story):
    async def run():
        async with asyncio.timeout(20):
            await story(World())

    asyncio.run(run())


def test_a_status_is_written_once_and_not_again_while_it_stands():
    async def story(world):
        world.store()
        async with world.writing():
            world.statuses.offer(ref(), wanted())
        assert world.stored()["observedGeneration"] == 1
        world.statuses.offer(ref(), wanted())
        assert world.statuses.backlog == 0
        assert (len(world.patches()), world.wrote, len(world.told)) == (1, 1, 1)

    told(story)


def test_the_newest_takes_the_place_of_what_waits():
    async def story(world):
        world.store()
        world.statuses.offer(ref(), wanted("False"))
        world.statuses.offer(ref(), wanted("True"))
        async with world.writing():
            pass
        assert world.stored()["conditions"][0]["status"] == "True"
        assert len(world.patches()) == 1

    told(story)


def test_what_came_back_to_what_stands_is_not_written():
    async def story(world):
        world.store()
        async with world.writing():
            world.statuses.offer(ref(), wanted())
        world.statuses.offer(ref(), wanted("False"))
        world.statuses.offer(ref(), wanted())
        async with world.writing():
            pass
        assert len(world.patches()) == 1

    told(story)


def test_a_status_of_an_older_generation_is_never_written():
    async def story(world):
        world.store(generation=2)
        async with world.writing():
            world.statuses.offer(ref(), wanted(generation=1))
        assert world.patches() == []

    told(story)


def test_a_status_of_something_that_went_is_dropped():
    async def story(world):
        stored = world.store()
        world.statuses.offer(ref(), wanted())
        world.gathered.lost(stored)
        async with world.writing():
            pass
        assert world.patches() == []

    told(story)


def test_a_write_onto_a_version_that_is_gone_waits_for_its_event():
    async def story(world):
        world.store()
        newer = world.cluster._stored((ROUTE, "r"), a_route("r", version=0, generation=1))
        async with world.writing():
            world.statuses.offer(ref(), wanted())
            await until(world.patches)
            assert world.stored() == {}
            world.gathered.saw(newer)
        assert world.stored()["conditions"][0]["status"] == "True"

    told(story)


def test_an_answer_that_does_not_come_is_asked_for_again():
    async def story(world):
        world.store()
        world.cluster.failing = UnreachableError("nothing answers")
        async with world.writing():
            world.statuses.offer(ref(), wanted())
            await until(world.patches)
            world.cluster.failing = None
        assert world.stored()["conditions"][0]["status"] == "True"

    told(story)


@pytest.mark.parametrize("lost", [True, False])
def test_what_may_not_be_written_or_is_refused_is_not_tried_for_ever(lost):
    async def story(world):
        world.store()
        world.leadership.lost = lost
        world.cluster.failing = RefusedError("no", status=422)
        async with world.writing():
            world.statuses.offer(ref(), wanted())
        assert world.stored() == {}
        assert len(world.patches()) == (0 if lost else 1)

    told(story)


def test_what_people_wait_for_comes_first():
    async def story(world):
        for name in ("a", "b", "c", "z"):
            world.store(name)
        for name in ("a", "b", "c"):
            world.statuses.offer(ref(name), wanted())
        world.statuses.offer(ref("z"), wanted(), urgent=True)
        await asyncio.sleep(0.02)
        async with world.writing():
            pass
        assert world.patches()[0] == "z"
        assert sorted(world.patches()) == ["a", "b", "c", "z"]

    told(story)
