"""Which of several routes serves a public model: the oldest, then the first by name."""

from collections.abc import Mapping
from typing import TypeAlias

from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity, SourceRef
from fourplane_compiler.sources import ROUTE
from fourplane_core.control.snapshot import Route

Claim: TypeAlias = tuple[str, str]
"""Public model name and version."""
Rank: TypeAlias = tuple[str, str]
"""Time of creation and name; the smallest wins."""
Claims: TypeAlias = Mapping[Claim, tuple[Rank, ...]]
"""Who asks for each public model, the winner first."""

_NEVER = "~"
"""Sorts behind every time: what has none is the youngest."""


def claim_of(route: Route) -> Claim:
    """Return what a route asks for."""
    return route.model, route.version


def rank_of(created: str, name: str) -> Rank:
    """Return a route's place among those that ask for the same."""
    return created or _NEVER, name


def without(claims: dict[Claim, tuple[Rank, ...]], claim: Claim, rank: Rank) -> None:
    """Take a claim back."""
    rest = tuple(other for other in claims[claim] if other != rank)
    if rest:
        claims[claim] = rest
    else:
        del claims[claim]


def add(claims: dict[Claim, tuple[Rank, ...]], claim: Claim, rank: Rank) -> None:
    """Make a claim."""
    claims[claim] = tuple(sorted((*claims.get(claim, ()), rank)))


def wins(claims: Claims, claim: Claim, rank: Rank) -> bool:
    """Tell whether a claim is the one that is served."""
    return claims[claim][0] == rank


def conflict(claims: Claims, claim: Claim, name: str) -> Diagnostic:
    """Tell a route that another one serves its public model."""
    model, version = claim
    created, winner = claims[claim][0]
    what = f"model {model} version {version}" if version else f"model {model}"
    why = (
        "has no time of creation, and comes first by name"
        if created == _NEVER
        else f"is older ({created}) or comes first by name"
    )
    return Diagnostic(
        source=SourceRef(ROUTE, name),
        severity=Severity.ERROR,
        reason=Reason.CONFLICT,
        field="spec.model",
        message=f"{what} is served by ModelRoute {winner}, which {why}; this route is left out",
        remedy=f"choose another public model or version, or delete ModelRoute {winner}",
    )
