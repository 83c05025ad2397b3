"""All worker processes together: what they serve, what they count, which engines they reach."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import count

from fourplane_wire.signing import PublicKey
from fourplane_worker.process.child import Child
from fourplane_worker.process.messages import Ask, Found, Message, Offer, Reach, Report, Start, Trusted
from fourplane_worker.store.layout import StateFolder
from fourplane_worker.telemetry.totals import Sum, Totals

_ANSWER_WITHIN_S = 0.5
"""How long a scrape waits for a process that is busy; then the numbers of its last report are shown."""


class Fleet:
    """The places for processes."""

    def __init__(self, state: StateFolder, number: int, start: Callable[[int], Start]) -> None:
        """Prepare as many places."""
        self.children = tuple(Child(index, state, start, self) for index in range(number))
        self.totals = Totals()
        self.acknowledged: Offer | None = None
        """What every process served last."""
        self._pulse = asyncio.Event()
        self._asks = count(1)
        self._answers: dict[int, set[int]] = {}
        """By the number of a question: places that have not answered."""

    async def begin(self) -> None:
        """Start every process."""
        await asyncio.gather(*(child.begin() for child in self.children))

    async def stop(self, grace_s: float) -> None:
        """End every process."""
        await asyncio.gather(*(child.stop(grace_s) for child in self.children))

    def offer(self, offer: Offer) -> None:
        """Offer a decision to every process."""
        self._tell(offer)

    def offer_again(self) -> None:
        """Let processes that refused what they were offered last try it once more."""
        for child in self.children:
            if child.refusal is not None:
                child.send(child.refusal.offer)

    def found(self, pools: dict[str, tuple[str, ...]]) -> None:
        """Tell every process where managed pools listen."""
        self._tell(Found(pools={name: list(addresses) for name, addresses in pools.items()}))

    def trust(self, keys: Iterable[PublicKey]) -> None:
        """Tell every process which keys are trusted from now on."""
        self._tell(Trusted(keys=[key.raw.hex() for key in keys]))

    def serves(self, offer: Offer | None) -> bool:
        """Tell whether every process accepts calls and serves an offer."""
        return offer is not None and all(child.is_listening and child.serving == offer for child in self.children)

    @property
    def is_listening(self) -> bool:
        """Tell whether every process accepts calls."""
        return all(child.is_listening for child in self.children)

    @property
    def is_serving(self) -> bool:
        """Tell whether every process accepts calls and serves something."""
        return all(child.is_listening and child.serving is not None for child in self.children)

    async def changes(self, within_s: float) -> bool:
        """Wait for the next thing to happen; false if nothing does."""
        try:
            await asyncio.wait_for(self._pulse.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def report(self) -> None:
        """Get fresh numbers of every process that answers in time."""
        ask = next(self._asks)
        waiting = {child.index for child in self.children if child.is_listening}
        self._answers[ask] = waiting
        self._tell(Ask(id=ask))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _ANSWER_WITHIN_S
        while waiting and loop.time() < deadline:
            await self.changes(deadline - loop.time())
        del self._answers[ask]

    def endpoints(self) -> dict[str, dict[str, Reach]]:
        """Return endpoints by pool and address: what is wrong with one for some process is wrong with it."""
        found: dict[str, dict[str, Reach]] = {}
        for child in self.children:
            for pool, addresses in child.pools.items():
                known = found.setdefault(pool, {})
                for address, reach in addresses.items():
                    before = known.get(address, Reach())
                    known[address] = Reach(failure=before.failure or reach.failure, broken=before.broken | reach.broken)
        return found

    def _tell(self, message: Message) -> None:
        for child in self.children:
            child.send(message)

    def changed(self, child: Child) -> None:
        """Wake whoever waits; remember what all serve."""
        offer = child.serving
        if offer is not None and self.serves(offer):
            self.acknowledged = offer
        self.wake()

    def reported(self, child: Child, report: Report) -> None:
        """Add numbers to the sums."""
        series = [((counts["route"], counts["pool"], counts["backend"]), _sum(counts)) for counts in report.series]
        self.totals.take(child.index, series, report.totals)
        if report.totals is not None:
            self._answers.get(report.id, set()).discard(child.index)
            self.wake()

    def ended(self, child: Child) -> None:
        """Keep what a dead process counted."""
        self.totals.end(child.index)
        for waiting in self._answers.values():
            waiting.discard(child.index)
        self.wake()

    def wake(self) -> None:
        """Wake whoever waits for a change."""
        self._pulse.set()
        self._pulse = asyncio.Event()


def _sum(counts: dict[str, object]) -> Sum:
    fields = {name: value for name, value in counts.items() if name not in ("route", "pool", "backend")}
    return Sum(**fields)  # type: ignore[arg-type]  # one release speaks with itself
