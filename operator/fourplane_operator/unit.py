"""One runtime under one leader: gather, decide, act, again and again."""

import asyncio
import logging
from dataclasses import dataclass, field

from fourplane_api import API_VERSION, RuntimeDeployment
from fourplane_compiler import affected
from fourplane_compiler.compilation import Compilation, blank, compile_runtime
from fourplane_compiler.conditions import Held
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import RUNTIME, Changes, ref_of
from fourplane_core.control.snapshot import Digest
from fourplane_kube import KubeError, Object
from fourplane_kube.following import backoff
from fourplane_operator.errors import NotLeadingError, OvertakenError, leaves_of, refusal_in
from fourplane_operator.judging import Facts, Judge
from fourplane_operator.making import Making
from fourplane_operator.propagation import Propagation, Revision
from fourplane_operator.publishing import Publisher
from fourplane_operator.reports import Heard
from fourplane_operator.surroundings import Surroundings
from fourplane_wire.errors import WireError
from fourplane_wire.provenance import Provenance, Source

log = logging.getLogger(__name__)

_IN_A_THREAD = 500
"""Changes from which on a compile leaves the loop to others."""
_FARTHEST = 1_000_000
"""No restored backup is that many changes of leaders old: a worker that says so must not use up all epochs."""
_LONGEST_REST_S = 2.0
_TOLD_SOURCES = 256
"""Changed sources that a snapshot's provenance names; of more, none."""


@dataclass(slots=True, eq=False)
class Unit:
    """What is known and decided of one runtime; `run` is its loop, `wake` its bell."""

    runtime: str
    """`NAMESPACE/NAME`."""
    around: Surroundings
    heard: dict[str, Heard] = field(default_factory=dict)
    """Reports by the name of the worker."""
    compilation: Compilation = field(init=False)
    publisher: Publisher = field(init=False)
    judge: Judge = field(init=False)
    making: Making = field(init=False)
    propagation: Propagation = field(init=False)
    is_running: bool = False
    """Whether somebody awaits `run`."""
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: bool = False
    _has_taken_over: bool = False
    """Whether there was a runtime to take over when this began."""
    _suspect: int = 0
    """Newest resourceVersion of the activation that an event told of."""
    _changed: list[Source] = field(default_factory=list)
    """Sources that were edited since the last snapshot was published."""
    _alarm: asyncio.TimerHandle | None = None
    _failures: int = 0
    _there: frozenset[str] | None = None
    """Names of all published shards and snapshots, to be looked through once."""
    _missing: frozenset[str] = frozenset()
    """Workers that can't take the active snapshot, since what is stored of it is damaged or missing."""

    def __post_init__(self) -> None:
        """Prepare."""
        self.compilation = blank(self.runtime)
        self.publisher = Publisher(self.around.access, self.runtime)
        self.propagation = Propagation(self.around.steady)
        self.judge = Judge(self.runtime, self.around)
        self.making = Making(self.around.provisioner, self.around.steady)

    def wake(self) -> None:
        """Say that something changed."""
        self._bell.set()

    @property
    def ref(self) -> SourceRef:
        """Return the RuntimeDeployment, be it there or not."""
        return SourceRef(RUNTIME, self.runtime)

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left that this unit is for."""
        nothing = not self.compilation.routes and self.compilation.deployment is None
        return nothing and self._begun and not self._bell.is_set()

    def provision(self) -> None:
        """Say that something happened to an object that this runtime made."""
        self.making.soon()
        self.wake()

    def suspect(self, version: int) -> None:
        """Take note of the newest version of the activation: one that is not ours is somebody else's decision."""
        self._suspect = max(self._suspect, version)
        self.wake()

    def check(self, there: frozenset[str]) -> None:
        """Look whether all of the active snapshot is among what is published, and store again what is not."""
        self._there = there
        self.wake()

    @property
    def needs_unknown(self) -> bool:
        """Tell whether nobody knows yet which snapshots this runtime needs."""
        return self.is_running and not self._begun

    def needed(self) -> frozenset[Digest]:
        """Return the snapshots that must not be collected."""
        active, encoded = self.publisher.active, self.compilation.encoded
        named = (active.stable, active.previous) if active else ()
        served = (one.report.acknowledged for one in self.heard.values())
        asked = (encoded.digest,) if encoded else ()
        return frozenset(digest for digest in (*named, *served, *asked) if digest is not None)

    def asked_shards(self) -> frozenset[str]:
        """Return the SHA-256 of all shards that are to be published, or are."""
        encoded = self.compilation.encoded
        return frozenset(encoded.shards) if encoded else frozenset()

    async def run(self) -> None:
        """Go on until nothing is left that this unit is for."""
        while not self.is_done:
            await self._bell.wait()
            await asyncio.sleep(self.around.settle_s)
            self._bell.clear()
            begun = self.around.steady()
            try:
                await self.step()
                self._failures = 0
            except* (KubeError, OvertakenError, NotLeadingError, WireError) as group:
                await self._failed(group)
            except* Exception as group:  # a defect of ours: the other runtimes go on
                log.exception("%s: a step failed", self.runtime)
                await self._failed(group)
            await asyncio.sleep(min(_LONGEST_REST_S, self.around.steady() - begun))  # never more than half of a core

    async def step(self) -> None:
        """Gather, decide, act, once."""
        if not self._begun or self._is_overtaken or (not self._has_taken_over and self._owner()):
            await self._begin()
        await self._compile()
        self._look_for_damage()
        failure = await self._try_to_publish()
        trouble = await self.making.step()
        await self._judge(refusal_in(failure))
        for error in (failure, trouble):
            if error is not None:
                raise error

    def _look_for_damage(self) -> None:
        """Store again what is not as it should be of the active snapshot, when one more worker can't take it."""
        active, before = self.publisher.active, self._missing
        self._missing = frozenset(name for name, one in self.heard.items() if active and active.stable in one.missing)
        if self._missing - before:
            self.check(frozenset())

    @property
    def _is_overtaken(self) -> bool:
        """Tell whether somebody else decided: the activation is newer, or a worker serves what a lost one said."""
        ours, active = self.publisher.revision, self.publisher.active
        by_another = (
            one.revision == ours and active and one.report.acknowledged not in (None, active.stable)
            for one in self.heard.values()
        )
        return self._suspect > self.publisher.version or self._newest_served > ours or any(by_another)

    @property
    def _newest_served(self) -> Revision:
        known = max(self.publisher.revision, self.around.newest.get(self.runtime, (0, 0)))
        farthest = known[0] + _FARTHEST
        return max([known, *(one.revision for one in self.heard.values() if one.revision[0] <= farthest)])

    async def _failed(self, group: BaseExceptionGroup[Exception]) -> None:
        self._failures += 1
        first = leaves_of(group)[0]
        wait = backoff(self._failures)
        log.warning("%s: trying again in %.1f s: %s", self.runtime, wait, first)
        self.around.metrics.failures.labels(type(first).__name__).inc()
        if isinstance(first, OvertakenError):
            self._begun = False
        await asyncio.sleep(wait)
        self.wake()

    async def _begin(self) -> None:
        """Take over, and compile against the last good snapshot; all resources were listed before."""
        owner = self._owner()
        # Without a runtime nothing is decided; its namespace may be one that this operator may not look into.
        stored = await self.publisher.begin(owner, self._newest_served) if owner else None
        self._has_taken_over = bool(owner)
        ours = {key.public.key_id for key in self.around.access.keys}
        if self.publisher.active is not None and not (stored and ours <= stored.signers):
            self.check(frozenset())  # what is active is signed anew before a key that vouches for it goes
        if self.compilation.deployment is None and not self.compilation.routes:
            self.compilation = blank(self.runtime, stored.snapshot if stored else None)
        if stored is not None:
            self.judge.held[stored.snapshot.digest] = Held.of_snapshot(stored.snapshot.digest, stored.snapshot)
        self._begun = True

    async def _compile(self) -> None:
        changes = self.around.gathered.take(self.runtime)
        if not changes.upserts and not changes.deletes:
            return
        before, is_first = self.compilation, not self.compilation.routes and self.compilation.deployment is None
        try:
            with self.around.metrics.compile_seconds.time():
                if len(changes.upserts) > _IN_A_THREAD:
                    self.compilation = await asyncio.to_thread(compile_runtime, before, changes)
                else:
                    self.compilation = compile_runtime(before, changes)
        except Exception:
            self.around.gathered.put_back(self.runtime, changes)
            raise
        self._note_resource(changes)
        edited = {ref_of(one) for one in changes.upserts}
        (self.judge.touched if is_first else self.judge.edited).update(edited)
        self.judge.touched |= affected.by_compile(before, self.compilation)
        self._changed += [source for ref in edited if (source := self._source(ref)) is not None]

    def _note_resource(self, changes: Changes) -> None:
        known = self.around.gathered.known.get(self.ref)
        if known is None or known.is_going:  # what it made goes first, and must not be made again
            self.making.ask(None)
            return
        for one in changes.upserts:
            if isinstance(one, RuntimeDeployment):
                self.making.ask(one)

    def _source(self, ref: SourceRef) -> Source | None:
        if ref.kind == RUNTIME:
            return self.compilation.deployment
        state = self.compilation.routes.get(ref.name)
        return state.source if state else None

    async def _try_to_publish(self) -> BaseExceptionGroup[Exception] | None:
        """Publish, or return what went wrong: it is told in status before the next try."""
        failure: BaseExceptionGroup[Exception] | None = None
        try:
            await self._publish()
        except* (KubeError, OvertakenError) as group:
            failure = group
        return failure

    async def _publish(self) -> None:
        encoded, owner = self.compilation.encoded, self._owner()
        if encoded is None or not owner:
            self._begun = self._begun and self.publisher.active is None  # a runtime that comes back is taken over anew
            self.publisher.active = None
            return
        before = self.publisher.active
        sources = tuple(sorted(set(self._changed))) if len(self._changed) <= _TOLD_SOURCES else ()
        provenance = Provenance(snapshot=encoded.digest, sources=sources, compiled_at_ms=int(self.around.wall() * 1000))
        begun = self.around.steady()
        after = await self.publisher.publish(owner, encoded, provenance)
        if self._there is not None:
            await self.publisher.heal(owner, encoded, provenance, self._there)
            self._there = None
        self._changed.clear()
        self.judge.held[encoded.digest] = Held.of(self.compilation)
        if after != before:
            self.propagation.offered((after.epoch, after.sequence), begun)
            self.around.metrics.activations.inc()

    def _owner(self) -> Object:
        """Return a reference to the RuntimeDeployment; empty where there is none."""
        known = self.around.gathered.known.get(self.ref)
        if known is None or known.is_going:
            return {}
        name = self.runtime.partition("/")[2]
        return {"apiVersion": API_VERSION, "kind": RUNTIME, "name": name, "uid": known.uid}

    async def _judge(self, refusal: str) -> None:
        """Tell what became of it all, and look again when time alone makes a difference."""
        reports = list(self.heard.values())
        if (took := self.propagation.heard([one.revision for one in reports])) is not None:
            self.around.metrics.propagation_seconds.observe(took)
        facts = Facts(
            compilation=self.compilation,
            active=self.publisher.active,
            reports=[one.report for one in reports if self.making.has_workers],
            provisioning=self.making.provisioning,
            propagation=self.propagation.text,
            refusal=refusal,
        )
        at, due = await self.judge.look(facts), self.making.due_in
        waits = [] if due is None else [due]
        if at is not None:
            waits.append(max(0.0, at.timestamp() - self.around.wall()) + 0.01)
        self._set_alarm(min(waits, default=None))

    def _set_alarm(self, wait_s: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if wait_s is not None:
            self._alarm = asyncio.get_running_loop().call_later(wait_s, self.wake)
