"""How a worker stands: what the supervisor and the follower know, as a report says it."""

from collections.abc import Callable, Iterator

from fourplane_kube.times import timestamp
from fourplane_worker.cluster import pools
from fourplane_worker.cluster.follower import Follower
from fourplane_worker.cluster.reports import Refused, Standing, Taken
from fourplane_worker.process.fleet import Fleet
from fourplane_worker.process.intake import Intake
from fourplane_worker.process.messages import Offer


class Observer:
    """Looks at a worker, and remembers when it saw what is served first."""

    def __init__(self, intake: Intake, fleet: Fleet, follower: Follower, now: Callable[[], float]) -> None:
        """Prepare; `now` returns seconds since 1970."""
        self._intake = intake
        self._fleet = fleet
        self._follower = follower
        self._now = now
        self._seen: Offer | None = None
        self._taken: Taken | None = None

    def look(self) -> Standing:
        """Return how it stands now."""
        children, snapshot = self._fleet.children, self._intake.snapshot
        names = [str(pool.name) for pool in snapshot.pools] if snapshot else []
        return Standing(
            taken=self._acknowledged(),
            refused=tuple(self._refused()),
            serving=sum(child.is_listening and child.serving is not None for child in children),
            wanted=len(children),
            pools=tuple(pools.told(names, self._fleet.endpoints())),
        )

    def _acknowledged(self) -> Taken | None:
        offer = self._fleet.acknowledged
        if offer != self._seen and offer is not None:
            at = timestamp(self._now())
            self._taken = Taken(digest=offer.digest, epoch=offer.epoch, sequence=offer.sequence, at=at)
            self._seen = offer
        return self._taken

    def _refused(self) -> Iterator[Refused]:
        """Yield what is not taken, from the outside inwards."""
        refusal, offer = self._follower.refusal, self._follower.offer
        if refusal is not None:
            yield Refused(refusal.digest, refusal.reason, refusal.message)
        for about, problem in self._intake.problems.items():
            digest = about if about.startswith("sha256:") else offer.digest if about == "activation" and offer else ""
            yield Refused(digest, problem.reason, problem.message, problem.entry)
        for child in self._fleet.children:
            if child.refusal is not None:
                yield Refused(child.refusal.offer.digest, child.refusal.reason, child.refusal.message)
