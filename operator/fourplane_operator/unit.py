"""One runtime under one leader: gather, decide, act, again and again."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fourplane_api import API_VERSION, short_form
from fourplane_compiler import affected
from fourplane_compiler.compilation import Compilation, blank, compile_runtime
from fourplane_compiler.conditions import (
    Activated,
    Answers,
    ConditionType,
    Held,
    answers_of,
    applied,
    conditions,
    look_again,
    subject_of,
)
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import RUNTIME, ref_of
from fourplane_core.control.snapshot import Digest
from fourplane_kube import KubeError, Object
from fourplane_kube.following import backoff
from fourplane_operator import reading
from fourplane_operator.errors import NotLeadingError, OvertakenError
from fourplane_operator.gathering import Gathered
from fourplane_operator.metrics import Metrics
from fourplane_operator.propagation import Propagation
from fourplane_operator.publishing import Access, Publisher
from fourplane_operator.reports import Heard
from fourplane_operator.statuses import Statuses, Wanted
from fourplane_wire.activation import Activation
from fourplane_wire.errors import WireError
from fourplane_wire.provenance import Provenance, Source

log = logging.getLogger(__name__)

_IN_A_THREAD = 500
"""Changes from which on a compile leaves the loop to others."""
_AT_A_TIME = 100
"""Conditions that are computed before others get the loop."""
_LONGEST_REST_S = 2.0
_TOLD_SOURCES = 256
"""Changed sources that a snapshot's provenance names; of more, none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every unit uses."""

    access: Access
    gathered: Gathered
    statuses: Statuses
    metrics: Metrics
    steady: Callable[[], float]
    wall: Callable[[], float]
    settle_s: float


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
    answers: Answers = field(default_factory=Answers)
    held: dict[Digest, Held] = field(default_factory=dict)
    """Snapshots that are active or served somewhere."""
    propagation: Propagation = field(init=False)
    is_running: bool = False
    """Whether somebody awaits `run`."""
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: bool = False
    _suspect: int = 0
    """Newest resourceVersion of the activation that an event told of."""
    _edited: set[SourceRef] = field(default_factory=set)
    """Edited by someone who may wait for the status, since conditions were last computed."""
    _touched: set[SourceRef] = field(default_factory=set)
    """Changed by a compile since conditions were last computed."""
    _unsettled: set[SourceRef] = field(default_factory=set)
    """Not Ready, when last looked at."""
    _changed: list[Source] = field(default_factory=list)
    """Sources that were edited since the last snapshot was published."""
    _alarm: asyncio.TimerHandle | None = None
    _failures: int = 0
    _there: frozenset[str] | None = None
    """Names of all published shards and snapshots, to be looked through once."""

    def __post_init__(self) -> None:
        """Prepare."""
        self.compilation = blank(self.runtime)
        self.publisher = Publisher(self.around.access, self.runtime)
        self.propagation = Propagation(self.around.steady)

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

    def suspect(self, version: int) -> None:
        """Take note of the newest version of the activation: one that is not ours is somebody else's decision."""
        self._suspect = max(self._suspect, version)
        self.wake()

    def check(self, there: frozenset[str]) -> None:
        """Look whether all of the active snapshot is among what is published, and store again what is not."""
        self._there = there
        self.wake()

    def needed(self) -> frozenset[Digest]:
        """Return the snapshots that must not be collected."""
        active, encoded = self.publisher.active, self.compilation.encoded
        named = (active.stable, active.previous) if active else ()
        served = (one.report.acknowledged for one in self.heard.values())
        asked = (encoded.digest,) if encoded else ()
        return frozenset(digest for digest in (*named, *served, *asked) if digest is not None)

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
        if not self._begun or self._suspect > self.publisher.version:
            await self._begin()
        await self._compile()
        await self._publish()
        await self._judge()

    async def _failed(self, group: BaseExceptionGroup[Exception]) -> None:
        self._failures += 1
        first = group.exceptions[0]
        wait = backoff(self._failures)
        log.warning("%s: trying again in %.1f s: %s", self.runtime, wait, first)
        self.around.metrics.failures.labels(type(first).__name__).inc()
        if isinstance(first, OvertakenError):
            self._begun = False
        await asyncio.sleep(wait)
        self.wake()

    async def _begin(self) -> None:
        """Take over, and compile against the last good snapshot; all resources were listed before."""
        epoch = max((one.revision[0] for one in self.heard.values()), default=0)
        stored = await self.publisher.begin(self._owner(), epoch)
        if self.compilation.deployment is None and not self.compilation.routes:
            self.compilation = blank(self.runtime, stored.snapshot if stored else None)
        if stored is not None:
            self.held[stored.snapshot.digest] = Held.of_snapshot(stored.snapshot.digest, stored.snapshot)
        self._begun = True

    async def _compile(self) -> None:
        changes = self.around.gathered.take(self.runtime)
        if not changes.upserts and not changes.deletes:
            return
        before, is_first = self.compilation, not self.compilation.routes and self.compilation.deployment is None
        with self.around.metrics.compile_seconds.time():
            if len(changes.upserts) > _IN_A_THREAD:
                self.compilation = await asyncio.to_thread(compile_runtime, before, changes)
            else:
                self.compilation = compile_runtime(before, changes)
        edited = {ref_of(one) for one in changes.upserts}
        (self._touched if is_first else self._edited).update(edited)
        self._touched |= affected.by_compile(before, self.compilation)
        self._changed += [source for ref in edited if (source := self._source(ref)) is not None]

    def _source(self, ref: SourceRef) -> Source | None:
        if ref.kind == RUNTIME:
            return self.compilation.deployment
        state = self.compilation.routes.get(ref.name)
        return state.source if state else None

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
        self.held[encoded.digest] = Held.of(self.compilation)
        if after != before:
            self.propagation.offered((after.epoch, after.sequence), begun)
            self.around.metrics.activations.inc()

    def _owner(self) -> Object:
        """Return a reference to the RuntimeDeployment; empty where there is none."""
        known = self.around.gathered.known.get(self.ref)
        if known is None:
            return {}
        name = self.runtime.partition("/")[2]
        return {"apiVersion": API_VERSION, "kind": RUNTIME, "name": name, "uid": known.uid}

    async def _judge(self) -> None:
        """Compute the conditions that may be different, and offer them."""
        before, self.answers = self.answers, await self._answers()
        moved = affected.by_answers(before, self.answers, self.compilation, self.held)
        refs = {*self._edited, *self._touched, *self._unsettled, *moved, self.ref}
        urgent = self._edited.copy()
        self._edited.clear()
        self._touched.clear()
        now = datetime.fromtimestamp(self.around.wall(), UTC)
        looks = []
        for index, ref in enumerate(refs):
            if (again := self._tell(ref, now, urgent=ref in urgent)) is not None:
                looks.append(again)
            if index % _AT_A_TIME == _AT_A_TIME - 1:
                await asyncio.sleep(0)  # the Lease is renewed on this loop too
        self._set_alarm(min(looks, default=None), now)

    async def _answers(self) -> Answers:
        reports = [one.report for one in self.heard.values()]
        for digest in {one.acknowledged for one in reports} - self.held.keys() - {None}:
            assert digest is not None
            await self._hold(digest)
        active = self.publisher.active
        answers = answers_of(active_of(active), reports)
        needed = {*answers.acknowledged, *((active.stable,) if active else ())}
        self.held = {digest: one for digest, one in self.held.items() if digest in needed}
        if active and (took := self.propagation.heard([one.revision for one in self.heard.values()])) is not None:
            self.around.metrics.propagation_seconds.observe(took)
        return answers

    async def _hold(self, digest: Digest) -> None:
        """Look a snapshot up that a worker serves and this operator did not make."""
        access, namespace = self.around.access, self.runtime.partition("/")[0]
        try:
            stored = await reading.read_snapshot(access.cluster, access.keyring, namespace, digest)
        except (KubeError, WireError) as error:
            log.info("a worker of %s serves %s, which can't be looked up: %s", self.runtime, digest, error)
        else:
            self.held[digest] = Held.of_snapshot(digest, stored.snapshot)

    def _tell(self, ref: SourceRef, now: datetime, *, urgent: bool) -> datetime | None:
        """Offer a source's status; return when time alone will make it another."""
        known = self.around.gathered.known.get(ref)
        subject = subject_of(self.compilation, ref, self.held.values())
        if known is None or subject is None:
            self._unsettled.discard(ref)
            return None
        written = conditions(subject, self.answers, known.standing, now)
        is_ready = any(one.type == ConditionType.READY and one.status == "True" for one in written)
        (self._unsettled.discard if is_ready else self._unsettled.add)(ref)
        told = self._told() if ref.kind == RUNTIME else {}
        self.around.statuses.offer(ref, Wanted(subject.generation, written, told), urgent=urgent)
        return look_again(written)

    def _told(self) -> dict[str, Any]:
        """Return what a RuntimeDeployment's status says beside conditions."""
        active = self.publisher.active
        if active is None:
            return {}
        said = {
            "digest": active.stable,
            "digestShort": short_form(active.stable),
            "revision": f"{active.epoch}.{active.sequence}",
            "applied": applied(active_of(active), [one.report for one in self.heard.values()]),
            "propagation": self.propagation.text,
        }
        return {key: value for key, value in said.items() if value}

    def _set_alarm(self, at: datetime | None, now: datetime) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if at is not None:
            wait = max(0.0, (at - now).total_seconds()) + 0.01
            self._alarm = asyncio.get_running_loop().call_later(wait, self.wake)


def active_of(decision: Activation | None) -> Activated | None:
    """Return a decision as conditions read it."""
    if decision is None:
        return None
    return Activated(digest=decision.stable, epoch=decision.epoch, sequence=decision.sequence)
