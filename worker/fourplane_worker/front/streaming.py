"""ModelStreamInfer: many requests on one stream, for any mix of models, split over engine streams and merged again.

Every (public model, engine model) is a branch. A decoupled model's is an engine stream of its own; requests to others
become calls. Triton 2.51 aborts where one stream mixes the two, and crashes where streams of both run side by side, so
no caller's mix may reach it. What it stands is streams of decoupled models, and any number of calls beside them.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fourplane_core.outcomes import Outcome, Refusal
from fourplane_http2 import Stream
from fourplane_wire.oip import stream_error
from fourplane_worker.front import reply
from fourplane_worker.front.branch import METHOD, Branch
from fourplane_worker.front.branches import Branches
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.head import Head
from fourplane_worker.front.incoming import Incoming
from fourplane_worker.front.lane import Lane
from fourplane_worker.front.merging import Merging, Source
from fourplane_worker.front.messages import BadMessageError
from fourplane_worker.front.serving import Target, where_block

if TYPE_CHECKING:
    from fourplane_worker.front.client import ClientConnection
    from fourplane_worker.front.front import Front

__all__ = ["METHOD", "Streaming"]

_MAX_TOLD = 16
"""Targets that the trailers name."""
_JOIN_BELOW = 1 << 16
_ENDS_THE_STREAM = frozenset({Outcome.CALLER_UNAUTHENTICATED, Outcome.SNAPSHOT_MISSING})
"""Refusals that hold for every request of the stream; others answer one request, and the stream goes on."""


class Streaming(Merging):
    """One ModelStreamInfer call."""

    __slots__ = (
        "_advancing", "_asked", "_begun", "_branches", "_current", "_ending", "_full", "_held", "_incoming", "_packed",
        "_refusal", "_taken", "_told", "waits",
    )  # fmt: skip

    def __init__(self, front: "Front", client: "ClientConnection", stream: Stream, head: Head, started: float) -> None:
        """Begin with the call's head."""
        super().__init__(front, client, stream, head, started)
        self._branches = Branches()
        self._held = b""
        self._advancing = False
        self._told: dict[Target, None] = {}
        self._ending = False
        self._asked = False
        """Whether the client has ended and every request was passed on or answered."""
        self.waits: Branch | Lane | None = None
        """The branch whose engine must be connected before more is read."""
        self._full: Branch | Lane | None = None
        """The branch that must answer before more is read."""
        self._next()
        self.bound(front.limits.max_stream_ms)

    def _next(self) -> None:
        self._incoming = Incoming(self.front.limits.max_request_bytes, self.head.encoding)
        self._current: Branch | Lane | None = None
        self._refusal: Refusal | None = None
        self._begun = False
        self._taken = 0
        self._packed = 0

    def about(self) -> Mapping[str, str]:
        """Name the models in errors."""
        return (
            {"model": ",".join(dict.fromkeys(target.plan.route.model for target in self._told))} if self._told else {}
        )

    def where(self) -> bytes:
        """Say where the stream's requests went."""
        return where_block(tuple(self._told)) if self._told else self.front.digest_block

    def digest(self) -> str:
        """Return the digests that the stream's requests were planned under."""
        return ",".join(dict.fromkeys(target.digest for target in self._told)) or super().digest()

    # From the client.

    def request_data(self, data: bytes, end: bool) -> None:
        """Take requests; one that waits for an engine holds back those behind it."""
        self.owed += len(data)
        self._ending = self._ending or end
        self._held = self._held + data if self._held else data
        self.advance()

    def advance(self) -> None:
        """Go through what is held, as far as it can be passed on."""
        if self.done or self._advancing:
            return  # a pool that answers at once calls back from within `_choose`: the loop below goes on by itself
        pos, self._advancing = 0, True
        try:
            while self._goes_on() and (pos < len(self._held) or self._incoming.is_held):
                pos = self._step(pos)
            self._held = self._held[pos:]
            if self._ending and self._goes_on():
                self._half_close()
        except BadMessageError as error:
            self.refuse(error.outcome, error.message)
        finally:
            self._advancing = False

    def _goes_on(self) -> bool:
        return self.waits is None and self._full is None and not self.done

    def _step(self, pos: int) -> int:
        """Take what there is of the current request, and pass it on or answer it."""
        incoming, before = self._incoming, pos
        if not incoming.complete:
            pos = incoming.feed(self._held, pos)
            self._taken += pos - before
            if incoming.compressed:
                self._keep(incoming, pos - before)
        if incoming.ready:
            if self._current is None and self._refusal is None:
                self._plan()
            if self._refusal is not None:
                self._answer(self._refusal)
            elif self._current is not None and self.waits is None:
                self._pump(self._current)
        return pos

    def _keep(self, incoming: Incoming, taken: int) -> None:
        """Count a compressed message as kept: its window is given back at once, since it may be larger than that."""
        self.pay(self._taken)
        self._taken = 0
        self._packed += taken
        self.hold(taken)
        if incoming.complete:
            self.let_go(self._packed)
            self.hold(incoming.size)

    def _plan(self) -> None:
        front, incoming = self.front, self._incoming
        if front.serving is None:
            self.refuse_with(front.no_snapshot)
            return
        pinned = front.sequences.find(incoming.scan)
        if pinned is not None and pinned.engine is None:
            self._refusal = Refusal(
                Outcome.ENGINE_LOST, "the engine of this sequence is gone; start the sequence again"
            )
            return
        settled = None if incoming.scan.sequence else front.serving.settled(incoming.scan)
        target = settled or front.serving.choose(incoming, self.head.value, pinned)
        if isinstance(target, Refusal):
            self._refusal = target
            return
        self.series = target.series
        if len(self._told) < _MAX_TOLD:
            self._told[target] = None
        self._choose(target, pinned.engine if pinned else None)

    def _choose(self, target: Target, engine: EngineConnection | None) -> None:
        """Find or open the branch for a request; sequences live at the engine that they began with."""
        scan, model = self._incoming.scan, target.plan.backend.model
        if scan.sequence:
            engine = engine or target.pool.pick(model)
        branch = self._branches.find(target, engine)
        if branch is None:
            new = Branch(self, target) if target.decoupled else Lane(self, target)
            branch = self._branches.add(new, engine)
        if branch.is_full(scan):
            self._full = branch
            return
        self._current = branch
        engine = branch.bound or engine or target.pool.pick(model)
        if branch.bound is not None:
            self.opened(branch, branch.bound)
        elif engine is not None:
            branch.open(engine)
        else:
            self.waits = branch
            target.pool.wait(branch.connected, model)

    def opened(self, branch: Branch | Lane, engine: EngineConnection) -> None:
        """Hear that a branch has its engine: a sequence stays with it."""
        self.front.sequences.keep(self._incoming.scan, branch.target, engine)

    def without(self, branch: Branch | Lane, refusal: Refusal) -> None:
        """Hear that a branch gets no engine: its request is answered with the reason."""
        if isinstance(branch, Branch):
            self._branches.remove(branch)
        self._current = None
        self._refusal = refusal

    def _pump(self, branch: Branch | Lane) -> None:
        incoming = self._incoming
        done = incoming.complete
        pieces = incoming.take(branch.target.request_suffix, not self._begun)
        taken, self._taken, self._begun = self._taken, 0, True
        if done:
            branch.target.series.messages_in += 1
            if incoming.size < _JOIN_BELOW:
                pieces = [b"".join(pieces)]
            self._next()
        branch.send(pieces, taken, incoming.scan, end=done)

    def _answer(self, refusal: Refusal) -> None:
        """Answer a request that no engine gets, once all of it has come."""
        incoming = self._incoming
        if refusal.outcome in _ENDS_THE_STREAM:
            self.refuse_with(refusal)
            return
        self.let_go(incoming.waiting if incoming.compressed else 0)
        incoming.body, incoming.waiting = [], 0
        self.pay(self._taken)
        self._taken = 0
        if incoming.complete:
            self.front.cells.unrouted.ended(refusal.outcome, 0.0)
            self.inject(stream_error(refusal.message, incoming.scan.id))
            self._next()
            self.resume()

    def _half_close(self) -> None:
        if self._incoming.begun:
            raise BadMessageError(Outcome.MESSAGE_MALFORMED, "the stream ended in the middle of a message")
        self._asked = True
        for branch in self._branches:
            branch.half_close()
        self.resume()

    # To the client.

    def tidy(self) -> None:
        """Let branches go on to their next answer."""
        for branch in self._branches:
            branch.tidy()

    def sources(self) -> Iterator[Source]:
        """Return whose turn may come, one for each branch."""
        return (source for branch in self._branches if (source := branch.source) is not None)

    def rest(self) -> None:
        """Read on where a branch was full, and end once the client has and every branch has."""
        if self._full is not None and not self._full.is_full(self._incoming.scan):
            self._full = None
            self.advance()
        if self._asked and not self.done and all(branch.over for branch in self._branches):
            self.end(Outcome.OK, reply.OK_STATUS)

    def release(self) -> None:
        """Cancel the engines' work."""
        for branch in self._branches:
            branch.cancel(whole=branch is not self._current or not self._begun)
            branch.count()
