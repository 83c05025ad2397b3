"""How a follower goes on: with the newest, again after a refusal, and spread after an absence."""

import asyncio
from contextlib import asynccontextmanager

from cluster_making import a_snapshot, an_activation

from fourplane_kube import Changed, Deleted, Listed, Troubled, UnreachableError
from fourplane_worker.cluster.errors import NotTakenError
from fourplane_worker.cluster.follower import Follower

ONE = a_snapshot()


class Taking:
    """Takes what it is offered, unless it is told not to."""

    def __init__(self):
        self.taken = []
        self.tries = 0
        self.failing = None

    async def take(self, offer):
        self.tries += 1
        if self.failing is not None:
            raise self.failing
        is_new = offer.data not in self.taken
        self.taken.append(offer.data)
        return is_new


class Scene:
    """A follower, and what it hears."""

    def __init__(self):
        self.happenings = asyncio.Queue()
        self.mirror = Taking()
        self.changes = 0
        self.spreads = 0
        self.opened = None
        self.follower = Follower(self.hear, self.mirror, self.changed, self.spread)

    def hear(self, opened):
        self.opened = opened
        return self._each()

    async def _each(self):
        while True:
            yield await self.happenings.get()

    def changed(self):
        self.changes += 1

    def spread(self):
        self.spreads += 1
        return 0.0

    def say(self, *happenings):
        for each in happenings:
            self.happenings.put_nowait(each)

    async def until(self, ready):
        async with asyncio.timeout(20):
            while not ready():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def a_scene():
    scene = Scene()
    tasks = [asyncio.create_task(each) for each in (scene.follower.listen(), scene.follower.work())]
    try:
        yield scene
    finally:
        for task in tasks:
            task.cancel()


async def test_what_is_listed_and_what_changes_is_taken():
    async with a_scene() as scene:
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: len(scene.mirror.taken) == 1)
        scene.say(Changed(an_activation(ONE, 2)))
        await scene.until(lambda: len(scene.mirror.taken) == 2)
        assert scene.spreads == 0
        assert scene.follower.refusal is None


async def test_a_refusal_is_told_once_tried_again_and_forgotten_when_it_is_over():
    async with a_scene() as scene:
        scene.mirror.failing = NotTakenError("ConfigShard x", "Damaged", "garbage")
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: scene.mirror.tries > 2)
        assert scene.follower.refusal.digest == ONE.digest
        assert scene.follower.refused == {"Damaged": 1}
        scene.mirror.failing = None
        await scene.until(lambda: scene.mirror.taken)
        await scene.until(lambda: scene.follower.refusal is None)


async def test_a_newer_offer_ends_the_wait_for_the_last():
    async with a_scene() as scene:
        scene.mirror.failing = NotTakenError("ConfigShard x", "Damaged", "garbage")
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: scene.mirror.tries > 1)
        scene.mirror.failing = None
        scene.say(Changed(an_activation(ONE, 2)))
        await scene.until(lambda: scene.mirror.taken)


async def test_after_an_absence_the_first_news_are_spread():
    async with a_scene() as scene:
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: scene.mirror.taken)
        scene.say(Troubled(UnreachableError("gone"), 0.1))
        await scene.until(lambda: scene.follower.absent_since is not None)
        assert scene.follower.absence == "gone"
        scene.opened()
        assert scene.follower.absent_since is None
        scene.say(Changed(an_activation(ONE, 2)))
        await scene.until(lambda: len(scene.mirror.taken) == 2)
        assert scene.spreads == 1


async def test_a_server_that_is_gone_is_no_refusal():
    async with a_scene() as scene:
        scene.mirror.failing = UnreachableError("gone")
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: scene.mirror.tries > 1)
        assert scene.follower.refusal is None
        assert scene.follower.trouble == "gone"


async def test_a_fault_of_its_own_does_not_end_it():
    async with a_scene() as scene:
        scene.mirror.failing = RuntimeError("a fault")
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: scene.mirror.tries > 1)
        scene.mirror.failing = None
        await scene.until(lambda: scene.mirror.taken)


async def test_a_deleted_activation_ends_its_refusal():
    async with a_scene() as scene:
        scene.mirror.failing = NotTakenError("ConfigShard x", "Damaged", "garbage")
        scene.say(Listed((an_activation(ONE, 1),)))
        await scene.until(lambda: scene.follower.refusal is not None)
        scene.say(Deleted(an_activation(ONE, 1)))
        await scene.until(lambda: scene.follower.refusal is None)
        assert scene.follower.offer is None
