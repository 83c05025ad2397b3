"""Twenty workers lose the API server at once, and come back to it: each at a time of its own, and all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from acting_operator import Acting, nothing_behind

from fourplane_kube import Changed, Cluster, Listed, connect, follow
from fourplane_kube.following import LONGEST_S, SHORTEST_S, backoff
from fourplane_kube.kinds import RUNTIME_ACTIVATION
from fourplane_worker.cluster.follower import a_moment

pytestmark = pytest.mark.timeout(180)
HERD = 20
DRAWS = 2000


class Sheep:
    """What one follower has heard."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.listings = 0
        self.stable = ""
        self.news = asyncio.Event()
        self._cluster = cluster
        self._namespace = namespace

    async def run(self) -> None:
        async for happening in follow(self._cluster, RUNTIME_ACTIVATION, self._namespace):
            if isinstance(happening, Listed):
                self.listings += 1
            found = happening.objects[0] if isinstance(happening, Listed) and happening.objects else None
            found = happening.object if isinstance(happening, Changed) else found
            self.stable = found["spec"]["stable"] if found else self.stable
            self.news.set()


@asynccontextmanager
async def herd(kubeconfig, namespace) -> AsyncIterator[list[Sheep]]:
    async with connect(kubeconfig) as cluster, asyncio.TaskGroup() as group:
        sheep = [Sheep(cluster, namespace) for _ in range(HERD)]
        tasks = [group.create_task(each.run()) for each in sheep]
        yield sheep
        for task in tasks:
            task.cancel()


async def hear(sheep, stable):
    async with asyncio.timeout(60):
        for each in sheep:
            while each.stable != stable:
                await each.news.wait()
                each.news.clear()


async def test_none_of_twenty_is_lost_when_the_api_server_restarts(own_site):
    acting = Acting(own_site.cluster, own_site.namespace)
    first = await asyncio.to_thread(acting.publish, *nothing_behind("a"))
    async with herd(own_site.cluster.admin, own_site.namespace) as sheep:
        await hear(sheep, first.stable)
        await asyncio.to_thread(own_site.cluster.api_server.restart)
        second = await asyncio.to_thread(acting.publish, *nothing_behind("a", "b"))
        await hear(sheep, second.stable)
        assert {each.listings for each in sheep} <= {1, 2}, "a watch is resumed, or listed anew once"


def spread(draws):
    """Return how the draws fall into ten equal parts of their range, as shares."""
    low, high = min(draws), max(draws)
    parts = [0] * 10
    for each in draws:
        parts[min(9, int((each - low) / (high - low) * 10))] += 1
    return [count / len(draws) for count in parts]


@pytest.mark.parametrize("failures", [1, 4, 8, 40])
def test_tries_again_are_spread_evenly_over_their_whole_range_and_bounded(failures):
    draws = [backoff(failures) for _ in range(DRAWS)]
    assert min(draws) >= SHORTEST_S / 2 and max(draws) <= min(LONGEST_S, SHORTEST_S * 2**failures)
    assert max(spread(draws)) < 0.2


def test_those_who_hear_of_the_same_news_at_once_take_it_one_after_the_other():
    draws = [a_moment() for _ in range(DRAWS)]
    assert min(draws) >= 0 and max(draws) <= 1.0
    assert max(spread(draws)) < 0.2
