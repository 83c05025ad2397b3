"""Follow a kind: list it, then watch on from there; through disconnects, silences and expired versions."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeAlias

from fourplane_kube.cluster import Cluster, Object
from fourplane_kube.errors import ExpiredError, KubeError, UnreachableError
from fourplane_kube.kinds import Kind

log = logging.getLogger(__name__)

SHORTEST_S, LONGEST_S = 0.2, 10.0
"""Bounds of the wait before another try."""
_WATCH_S = (240, 480)
"""How long the server keeps one watch open, in seconds: spread, so that clients don't come back all at once."""
_SILENCE_S = 100.0
"""Seconds without any event after which a connection is taken for dead: bookmarks come every minute."""
_SETTLED_S = 10.0
"""Seconds after which a watch that ends was a good one; one that ends sooner is tried again ever more slowly."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything there is; what is not among it is gone."""

    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """An object is new or different."""

    object: Object


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object is gone."""

    object: Object
    """As it was last."""


@dataclass(frozen=True, slots=True)
class Troubled:
    """The API server can't be followed for now; another try comes by itself."""

    error: KubeError
    retry_in_s: float


Happening: TypeAlias = Listed | Changed | Deleted | Troubled


async def follow(
    cluster: Cluster, kind: Kind, namespace: str = "", *, opened: Callable[[], None] = lambda: None, **selectors: str
) -> AsyncIterator[Happening]:
    """Yield what there is and then every change, for ever; never raises a KubeError.

    `selectors` are the API's own: labelSelector, fieldSelector. A resumed watch loses nothing; where it can't be
    resumed, everything is listed again. `opened` hears of every watch that is open: after trouble, that it is over.
    """
    version, failures = "", 0
    while True:
        begun = _now()
        try:
            if not version:
                objects, version = await cluster.list(kind, namespace, **selectors)
                yield Listed(tuple(objects))
            async for event in _watched(cluster, kind, namespace, {**selectors, "resourceVersion": version}, opened):
                version, failures = event["object"]["metadata"]["resourceVersion"], 0
                if happening := _happening(event):
                    yield happening
        except KubeError as error:
            failures = failures + 1 if _now() - begun < _SETTLED_S else 1
            # A server that answers, and not with events, does not know this version: it expired, or is of an etcd
            # that was there before a backup was restored.
            version = "" if error.status else version
            wait = backoff(failures, error.retry_after_s)
            if not isinstance(error, ExpiredError):
                yield Troubled(error, wait)
            await asyncio.sleep(wait)


def _now() -> float:
    return asyncio.get_running_loop().time()


def backoff(failures: int, at_least_s: float = 0.0) -> float:
    """Return how many seconds to wait after so many failures in a row: doubling, and spread over all of it."""
    longest = min(LONGEST_S, SHORTEST_S * 2.0 ** min(failures, 16))
    return max(at_least_s, random.uniform(SHORTEST_S / 2, longest))  # noqa: S311 - spreads load, guards nothing


def _happening(event: Object) -> Happening | None:
    """Read an event; a bookmark says nothing but the version."""
    if event["type"] == "BOOKMARK":
        return None
    return Deleted(event["object"]) if event["type"] == "DELETED" else Changed(event["object"])


async def _watched(
    cluster: Cluster, kind: Kind, namespace: str, query: dict[str, str], opened: Callable[[], None]
) -> AsyncIterator[Object]:
    begun = _now()
    seconds = str(random.randint(*_WATCH_S))  # noqa: S311 - spreads load, guards nothing
    asked = {**query, "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
    async with cluster.watch(kind, namespace, asked, _SILENCE_S) as events:
        opened()
        async for event in events:
            yield event
    if _now() - begun < _SETTLED_S:
        raise UnreachableError(f"watch of {kind}: the server ended it at once")
