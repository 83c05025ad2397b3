"""How long a change takes from the first write of its snapshot until every worker has acknowledged it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Revision = tuple[int, int]
"""Epoch and sequence of an activation."""


@dataclass(slots=True)
class Propagation:
    """The newest activation, and when the last worker took it."""

    steady: Callable[[], float]
    _revision: Revision | None = None
    _begun: float = 0.0
    _took_s: float | None = None

    def offered(self, revision: Revision, begun: float) -> None:
        """Begin to wait for the workers; `begun` is the steady time of the first write."""
        self._revision, self._begun, self._took_s = revision, begun, None

    def heard(self, revisions: Sequence[Revision]) -> float | None:
        """Take what the workers serve; return the seconds once, when the last of them serves the newest."""
        if self._revision is None or self._took_s is not None or not revisions or min(revisions) < self._revision:
            return None
        self._took_s = self.steady() - self._begun
        return self._took_s

    @property
    def text(self) -> str:
        """Return the time in milliseconds, such as `412ms`; empty while some worker is behind."""
        return f"{max(1, round(self._took_s * 1000))}ms" if self._took_s is not None else ""
