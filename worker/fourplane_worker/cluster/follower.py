"""Follows one RuntimeActivation: what it decides is placed in the state folder, or refused and tried again."""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from fourplane_kube import Changed, Deleted, KubeError, Listed, Troubled
from fourplane_kube.following import Happening, backoff
from fourplane_worker.cluster.errors import NotTakenError
from fourplane_worker.cluster.offers import Offered, offered
from fourplane_worker.store.errors import StoreError

log = logging.getLogger(__name__)

_CHECK_EVERY_S = 60.0
"""How often what was placed is looked at again: what was lost or damaged meanwhile is fetched anew."""
_BACK_S = 5.0
"""After an absence of the API server, what comes within this time is news to every worker at once."""
_SPREAD_S = 1.0
_NOT_YET = "nothing was heard of it yet"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why what is offered is not placed."""

    digest: str
    """What is offered; empty where it does not say."""
    what: str
    """The object at fault."""
    reason: str
    message: str


class Taker(Protocol):
    """Places a decision."""

    async def take(self, offer: Offered) -> bool:
        """Tell whether anything is new; raise NotTakenError, KubeError or StoreError."""
        ...


def a_moment() -> float:
    """Return how long to wait when all workers hear of something at once."""
    return random.uniform(0, _SPREAD_S)  # noqa: S311 - spreads load, guards nothing


class Follower:
    """Follows, takes, and says how that goes."""

    def __init__(
        self,
        happenings: Callable[[Callable[[], None]], AsyncIterator[Happening]],
        mirror: Taker,
        changed: Callable[[], None],
        spread: Callable[[], float] = a_moment,
    ) -> None:
        """Call `changed` whenever something was placed, or is refused, or is so no more.

        `happenings` calls what it is given whenever a watch is open.
        """
        self._happenings = happenings
        self._mirror = mirror
        self._changed = changed
        self._spread = spread
        self._news = asyncio.Event()
        self._back_at = float("-inf")
        """When the API server came back last."""
        self.absent_since: float | None = self._time()
        """Since when the API server is not heard, by the loop's clock; None: it is."""
        self.absence = _NOT_YET
        """Why it is not heard; empty: it is."""
        self.offer: Offered | None = None
        """What the API server has; None: nothing, or it was never heard."""
        self.refusal: Refusal | None = None
        self.refused: Counter[str] = Counter()
        """By reason: how often something was refused."""
        self.trouble = ""
        """Why what is offered can't be fetched or placed for now; empty: it can."""

    async def listen(self) -> None:
        """Follow for ever."""
        async for happening in self._happenings(self._found_back):
            self._hear(happening)

    async def work(self) -> None:
        """Take what is offered, for ever; a newer offer ends the wait for another try at the last one."""
        failures = 0
        while True:
            if self._news.is_set():
                await self._settle()
                failures = 0
            failures = 0 if await self._take() else failures + 1
            wait_s = backoff(failures) if failures else _CHECK_EVERY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)

    def again(self) -> None:
        """Try at once what waits for another try."""
        self._news.set()

    def _hear(self, happening: Happening) -> None:
        match happening:
            case Listed(objects):
                self._found_back()
                self.offer = offered(objects[0]) if objects else None
            case Changed(found):
                self.offer = offered(found)
            case Deleted():
                self.offer = None
            case Troubled(error):
                self._lost(str(error))
                return
        self._news.set()

    def _lost(self, why: str) -> None:
        if self.absent_since is None:
            self.absent_since = self._time()
        if self.absence != why:
            log.warning("the API server can't be followed; what is served is served on: %s", why)
            self.absence = why
            self._changed()

    def _found_back(self) -> None:
        if self.absent_since is not None:
            if self.absence != _NOT_YET:
                self._back_at = self._time()
            self.absent_since, self.absence = None, ""
            log.info("the API server is followed")
            self._changed()

    async def _settle(self) -> None:
        """Let the other workers of a large runtime have their turn where all hear of something at once."""
        if self._time() - self._back_at < _BACK_S:
            await asyncio.sleep(self._spread())
        self._news.clear()

    async def _take(self) -> bool:
        """Try once; tell whether nothing is left to do."""
        offer = self.offer
        if offer is None:
            self._end(None, "")
            return True
        try:
            is_new = await self._mirror.take(offer)
        except NotTakenError as error:
            self._end(Refusal(offer.digest, error.what, error.reason, str(error)), "")
            return False
        except (KubeError, StoreError) as error:
            self._end(self.refusal, str(error))
            return False
        except Exception as error:
            log.exception("an activation can't be followed; trying again")
            self._end(self.refusal, f"{type(error).__name__}: {error}")
            return False
        self._end(None, "", is_new=is_new)
        return True

    def _end(self, refusal: Refusal | None, trouble: str, *, is_new: bool = False) -> None:
        before, self.refusal = self.refusal, refusal
        if refusal is not None and refusal != before:
            self.refused[refusal.reason] += 1
            log.error("refused: %s", refusal.message, extra={"object": refusal.what, "reason": refusal.reason})
        self._say(trouble)
        if is_new or refusal != before:
            self._changed()

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.warning("an activation can't be placed; what is served is served on: %s", trouble)
        self.trouble = trouble

    def _time(self) -> float:
        return asyncio.get_running_loop().time()
