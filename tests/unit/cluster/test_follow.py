"""Following goes on through everything, and asks a server that fails ever more seldom."""

import pytest

from fourplane_kube import Changed, Listed, Troubled, UnreachableError, follow
from fourplane_kube.following import LONGEST_S, SHORTEST_S, backoff
from fourplane_kube.kinds import RUNTIME_ACTIVATION


class Scripted:
    """A cluster that lists once, and whose watches end as told."""

    def __init__(self, *watches):
        self._watches = iter(watches)
        self.listed = 0

    async def list(self, kind, namespace, **selectors):
        self.listed += 1
        return [an_object(1)], "1"

    def watch(self, kind, namespace, query, silence_s):
        return Watch(next(self._watches))


class Watch:
    def __init__(self, events):
        self._events = events

    async def __aenter__(self):
        if isinstance(self._events, Exception):
            raise self._events
        return self._each()

    async def __aexit__(self, *_):
        return None

    async def _each(self):
        for event in self._events:
            yield event


def an_object(version):
    return {"metadata": {"name": "shop", "resourceVersion": str(version)}}


def an_event(version):
    return {"type": "MODIFIED", "object": an_object(version)}


async def take(number, following):
    found = []
    async for happening in following:
        found.append(happening)
        if len(found) == number:
            break
    await following.aclose()
    return found


async def test_a_watch_that_breaks_is_resumed_without_another_listing():
    cluster = Scripted([an_event(2)], UnreachableError("gone"), [an_event(3)])
    opened = []
    happenings = await take(5, follow(cluster, RUNTIME_ACTIVATION, "default", opened=lambda: opened.append(1)))
    assert [type(each) for each in happenings] == [Listed, Changed, Troubled, Troubled, Changed]
    assert cluster.listed == 1
    assert len(opened) == 2


async def test_a_server_that_ends_every_watch_at_once_is_trouble():
    _, first, second = await take(3, follow(Scripted([], []), RUNTIME_ACTIVATION, "default"))
    assert "ended it at once" in str(first.error)
    assert second.retry_in_s > 0


@pytest.mark.parametrize("failures", [1, 3, 8, 100, 10_000])
def test_waits_grow_to_a_bound_and_are_spread(failures):
    waits = [backoff(failures) for _ in range(200)]
    longest = min(LONGEST_S, SHORTEST_S * 2.0 ** min(failures, 16))
    assert all(0 < wait <= longest for wait in waits)
    assert max(waits) - min(waits) > longest / 3
    assert backoff(failures, 60.0) == 60.0
