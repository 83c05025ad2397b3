"""What is told of one runtime and its routes: conditions of those for whom something is different, and no others."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fourplane_api import short_form
from fourplane_compiler import affected
from fourplane_compiler.compilation import Compilation
from fourplane_compiler.conditions import (
    Activated,
    Answers,
    ConditionType,
    Held,
    Provisioning,
    Report,
    answers_of,
    applied,
    conditions,
    look_again,
    subject_of,
)
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.sources import RUNTIME
from fourplane_core.control.snapshot import Digest
from fourplane_kube import KubeError
from fourplane_operator import reading
from fourplane_operator.statuses import Wanted
from fourplane_operator.surroundings import Surroundings
from fourplane_wire.activation import Activation
from fourplane_wire.errors import WireError

log = logging.getLogger(__name__)

_LOOK_UP_AGAIN_S = 60.0
_AT_A_TIME = 100
"""Conditions that are computed before others get the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What conditions are computed from, at one moment."""

    compilation: Compilation
    active: Activation | None
    reports: Collection[Report]
    provisioning: Provisioning | None
    propagation: str
    refusal: str = ""
    """Why the newest snapshot can't be published, in the API server's words; empty: nothing is in the way."""


@dataclass(slots=True, eq=False)
class Judge:
    """Knows what was told last, and so whom to look at again."""

    runtime: str
    around: Surroundings
    held: dict[Digest, Held] = field(default_factory=dict)
    """Snapshots that are active or served somewhere."""
    edited: set[SourceRef] = field(default_factory=set)
    """Edited by someone who may wait for the status, since the last look."""
    touched: set[SourceRef] = field(default_factory=set)
    """Changed by a compile since the last look."""
    _unsettled: set[SourceRef] = field(default_factory=set)
    """Not Ready, when last looked at."""
    _answers: Answers = field(default_factory=Answers)
    _unreadable: dict[Digest, float] = field(default_factory=dict)
    """Served snapshots that can't be looked up, and the steady time of the next try."""
    _basis: tuple[Compilation, Answers, frozenset[Digest]] | None = None
    """What those who are not Ready were judged by: as long as it stands, only time makes a difference to them."""
    _again: datetime | None = None
    """When it does."""

    async def look(self, facts: Facts) -> datetime | None:
        """Offer the status of everyone for whom something is different; return when time alone makes a difference."""
        before, self._answers = self._answers, await self._answered(facts)
        moved = affected.by_answers(before, self._answers, facts.compilation, self.held)
        self._let_go(facts)
        stirred = self.around.gathered.stirred.pop(self.runtime, set())
        now = datetime.fromtimestamp(self.around.wall(), UTC)
        basis = facts.compilation, self._answers, frozenset(self.held)
        is_settled = basis == self._basis and (self._again is None or now < self._again)
        waiting = () if is_settled else self._unsettled
        refs = {*self.edited, *self.touched, *waiting, *moved, *stirred, SourceRef(RUNTIME, self.runtime)}
        urgent = self.edited.copy()
        self.edited.clear()
        self.touched.clear()
        looks = [self._again] if is_settled and self._again is not None else []
        for index, ref in enumerate(refs):
            if (again := self._tell(ref, facts, now, urgent=ref in urgent)) is not None:
                looks.append(again)
            if index % _AT_A_TIME == _AT_A_TIME - 1:
                await asyncio.sleep(0)  # the Lease is renewed on this loop too
        self._basis, self._again = basis, min(looks, default=None)
        return self._again

    async def _answered(self, facts: Facts) -> Answers:
        served = {one.acknowledged for one in facts.reports if one.acknowledged is not None}
        for digest in served - self.held.keys():
            await self._hold(digest)
        self._unreadable = {digest: at for digest, at in self._unreadable.items() if digest in served}
        return replace(answers_of(_activated(facts.active), facts.reports), refusal=facts.refusal)

    def _let_go(self, facts: Facts) -> None:
        needed = {*self._answers.acknowledged, *((facts.active.stable,) if facts.active else ())}
        self.held = {digest: one for digest, one in self.held.items() if digest in needed}

    async def _hold(self, digest: Digest) -> None:
        """Look a snapshot up that a worker serves and this operator did not make."""
        if self.around.steady() < self._unreadable.get(digest, 0.0):
            return
        access, namespace = self.around.access, self.runtime.partition("/")[0]
        try:
            stored = await reading.read_snapshot(access.cluster, access.keyring, namespace, digest)
        except (KubeError, WireError) as error:
            log.info("a worker of %s serves %s, which can't be looked up: %s", self.runtime, digest, error)
            self._unreadable[digest] = self.around.steady() + _LOOK_UP_AGAIN_S
        else:
            self.held[digest] = Held.of_snapshot(digest, stored.snapshot)

    def _tell(self, ref: SourceRef, facts: Facts, now: datetime, *, urgent: bool) -> datetime | None:
        """Offer a source's status; return when time alone will make it another."""
        known = self.around.gathered.known.get(ref)
        subject = subject_of(facts.compilation, ref, self.held.values())
        if known is None or subject is None or known.uid != _uid(facts.compilation, ref):  # another of that name
            self._unsettled.discard(ref)
            return None
        told: Mapping[str, Any] = {}
        if ref.kind == RUNTIME:
            subject, told = replace(subject, provisioning=facts.provisioning), _told(facts)
        written = conditions(subject, self._answers, known.standing, now)
        is_ready = any(one.type == ConditionType.READY and one.status == "True" for one in written)
        (self._unsettled.discard if is_ready else self._unsettled.add)(ref)
        self.around.statuses.offer(ref, Wanted(subject.generation, written, told), urgent=urgent)
        return look_again(written)


def _uid(compilation: Compilation, ref: SourceRef) -> str:
    """Return the uid of the resource that was compiled."""
    if ref.kind == RUNTIME:
        return compilation.deployment.uid if compilation.deployment else ""
    state = compilation.routes.get(ref.name)
    return state.source.uid if state else ""


def _told(facts: Facts) -> dict[str, Any]:
    """Return what a RuntimeDeployment's status says beside conditions."""
    active = facts.active
    if active is None:
        return {}
    said = {
        "digest": active.stable,
        "digestShort": short_form(active.stable),
        "revision": f"{active.epoch}.{active.sequence}",
        "applied": applied(_activated(active), facts.reports),
        "propagation": facts.propagation,
    }
    return {key: value for key, value in said.items() if value}


def _activated(decision: Activation | None) -> Activated | None:
    if decision is None:
        return None
    return Activated(digest=decision.stable, epoch=decision.epoch, sequence=decision.sequence)
