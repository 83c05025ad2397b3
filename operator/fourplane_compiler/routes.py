"""All routes of a runtime: who is judged again, who serves which public model, which entries change."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fourplane_api import ModelRoute
from fourplane_compiler import claims as claiming
from fourplane_compiler import forms
from fourplane_compiler.claims import Claim, Claims, Rank
from fourplane_compiler.diagnostics import Diagnostic, SourceRef
from fourplane_compiler.frame import Frame
from fourplane_compiler.sources import ROUTE, Broken, Resource, created_of, ref_of, runtime_of, source_of
from fourplane_compiler.verdicts import Verdict, Wish, judge
from fourplane_core.control.snapshot import Route
from fourplane_wire.entries import encode_entry
from fourplane_wire.provenance import Source

LastGood = Callable[[str], Route | None]
"""Finds the last good form of a route by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteState:
    """One route as it stands."""

    source: Source
    rank: Rank
    wish: Wish | Broken
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes as they stand."""

    routes: Mapping[str, RouteState]
    claims: Claims
    frame: Frame | None
    """What they were judged against."""

    def served(self, name: str) -> Route | None:
        """Return the form that a route is served in."""
        state = self.routes.get(name)
        form = state.verdict.form if state else None
        if state is None or form is None:
            return None
        return form if claiming.wins(self.claims, claiming.claim_of(form), state.rank) else None


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update gives."""

    state: Routes
    entries: Mapping[str, bytes | None]
    """Encoded entries that changed, by key; None removes one."""
    diagnostics: Mapping[SourceRef, tuple[Diagnostic, ...]]
    """Of the routes that were touched, by source; empty where there is nothing to say."""


@dataclass(slots=True)
class _Draft:
    """Copies that an update writes to."""

    routes: dict[str, RouteState]
    claims: dict[Claim, tuple[Rank, ...]]
    touched: set[str] = field(default_factory=set)
    """Names of routes whose entry or diagnostics may have changed."""


def update_routes(
    before: Routes,
    frame: Frame | None,
    upserts: Iterable[Resource | Broken],
    deletes: Iterable[str],
    last_good: LastGood,
) -> Updated:
    """Judge what changed, and all routes when the frame did; settle who serves each public model that is touched."""
    draft = _Draft(dict(before.routes), dict(before.claims))
    for name in deletes:
        _replace(draft, name, None)
    given = {ref_of(one).name: one for one in upserts}
    for name, resource in given.items():
        _replace(draft, name, _state(resource, frame, last_good))
    if frame is not before.frame:
        for name, state in before.routes.items():
            if name not in given and name in draft.routes:
                _replace(draft, name, _judged_again(name, state, frame, last_good))
    _let_go(draft, frame)
    after = Routes(draft.routes, draft.claims, frame)
    return Updated(
        state=after,
        entries=_entries(before, after, draft.touched),
        diagnostics={SourceRef(ROUTE, name): _said(after, name) for name in draft.touched},
    )


def _state(resource: Resource | Broken, frame: Frame | None, last_good: LastGood) -> RouteState:
    name = ref_of(resource).name
    wish: Wish | Broken
    if isinstance(resource, ModelRoute):
        wish = Wish(name=name, runtime=runtime_of(resource), route=forms.route_form(resource))
    elif isinstance(resource, Broken):
        wish = resource
    else:
        raise TypeError(f"{name} is no ModelRoute")
    return RouteState(
        source=source_of(resource),
        rank=claiming.rank_of(created_of(resource), name),
        wish=wish,
        verdict=judge(wish, frame, lambda: last_good(name)),
    )


def _judged_again(name: str, state: RouteState, frame: Frame | None, last_good: LastGood) -> RouteState:
    verdict = judge(state.wish, frame, lambda: last_good(name))
    return RouteState(source=state.source, rank=state.rank, wish=state.wish, verdict=verdict)


def _let_go(draft: _Draft, frame: Frame | None) -> None:
    """Drop what depends on a last good form, and whose public model went to another route.

    They are in no snapshot from now on, so a later compile could not find them either.
    """
    pending = set(draft.touched)
    while pending:
        name = pending.pop()
        state = draft.routes.get(name)
        depends = state is not None and (state.verdict.last_good or state.verdict.on_trust)
        form = state.verdict.form if state and depends else None
        if state and form and not claiming.wins(draft.claims, claiming.claim_of(form), state.rank):
            pending |= _replace(draft, name, _judged_again(name, state, frame, lambda _: None))


def _replace(draft: _Draft, name: str, new: RouteState | None) -> set[str]:
    """Put a route's new state into the draft; return the routes that it may have touched."""
    old = draft.routes.get(name)
    if new == old:
        return set()
    touched = {name}
    for state, change in ((old, claiming.without), (new, claiming.add)):
        if state is not None and state.verdict.form is not None:
            claim = claiming.claim_of(state.verdict.form)
            touched.update(other for _, other in draft.claims.get(claim, ()))
            change(draft.claims, claim, state.rank)
    draft.touched |= touched
    if new is None:
        del draft.routes[name]
    else:
        draft.routes[name] = new
    return touched


def _entries(before: Routes, after: Routes, touched: Iterable[str]) -> dict[str, bytes | None]:
    entries: dict[str, bytes | None] = {}
    for name in touched:
        old, new = before.served(name), after.served(name)
        if old != new:
            entries[f"route/{name}"] = encode_entry(new) if new else None
    return entries


def _said(after: Routes, name: str) -> tuple[Diagnostic, ...]:
    state = after.routes.get(name)
    if state is None:
        return ()
    form, said = state.verdict.form, state.verdict.diagnostics
    if form is None or claiming.wins(after.claims, claiming.claim_of(form), state.rank):
        return said
    return (*said, claiming.conflict(after.claims, claiming.claim_of(form), name))
