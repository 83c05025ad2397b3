"""What the provisioner did last with each object, and what it must not do again too soon."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from fourplane_compiler.conditions import Shortfall
from fourplane_compiler.workloads.manifest import Key
from fourplane_operator.provisioning_stock import Standing

AGAIN_S = 30.0
"""Pause before what was refused, or whose name was taken, is tried again."""
REPAIR_AGAIN_S = 10.0
"""Pause between two repairs of one object: another program may want it otherwise, for ever."""
REMOVE_AFTER_S = 30.0
"""Pause before what serves requests is removed: time for workers to take a snapshot that does without it."""
SHORT_FOR_S = 600.0
"""How long pods of a complete rollout may be unavailable before that is a failure: no controller says so again."""
_SERVES = {"Deployment", "Service", "NetworkPolicy", "ServiceAccount"}


@dataclass(frozen=True, slots=True)
class _Applied:
    """What was applied last, and what our manager held then."""

    uid: str
    body: str
    fields: str
    repaired: float = field(default=-REPAIR_AGAIN_S, compare=False)
    """When drift was repaired by it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is left alone for now."""

    body: str
    shortfall: Shortfall | None
    """None: somebody undid what was repaired just now."""
    again: float


class Memory:
    """By object; lost with the operator, which then applies everything once and changes nothing by it."""

    def __init__(self, steady: Callable[[], float]) -> None:
        """Begin empty; `steady` returns seconds that never go back."""
        self._steady = steady
        self._applied: dict[Key, _Applied] = {}
        self._held: dict[Key, Held] = {}
        self._unwanted: dict[Key, float] = {}
        self._short: dict[Key, float] = {}

    def held(self, key: Key, body: str) -> Held | None:
        """Return why an object with that body must be left alone for now; None: it need not."""
        held = self._held.get(key)
        if held and held.body == body and self._steady() < held.again:
            return held
        self._held.pop(key, None)
        return None

    def fail(self, key: Key, body: str, shortfall: Shortfall) -> Shortfall:
        """Leave an object alone for a while."""
        self._held[key] = Held(body, shortfall, self._steady() + AGAIN_S)
        return shortfall

    def needs(self, key: Key, body: str, live: Standing) -> bool:
        """Tell whether an object has to be applied: it is not what was applied last, or not any more."""
        applied = self._applied.get(key)
        if applied == _Applied(live.uid, body, live.fields):
            return False
        if applied and applied.body == body and self._steady() < (again := applied.repaired + REPAIR_AGAIN_S):
            self._held[key] = Held(body, None, again)
            return False
        return True

    def applied(self, key: Key, body: str, answer: Standing) -> bool:
        """Take what was applied; tell whether it was a repair."""
        before = self._applied.get(key)
        is_repair = before is not None and before.body == body
        repaired = self._steady() if is_repair else -REPAIR_AGAIN_S
        self._applied[key] = _Applied(answer.uid, body, answer.fields, repaired)
        return is_repair

    def knows(self, key: Key, live: Standing) -> bool:
        """Tell whether an object without an owner was applied here: that is drift."""
        applied = self._applied.get(key)
        return not live.owner and applied is not None and applied.uid == live.uid

    def may_remove(self, key: Key) -> bool:
        """Tell whether what is wanted no longer may go now."""
        since = self._unwanted.setdefault(key, self._steady())
        return key.kind not in _SERVES or self._steady() >= since + REMOVE_AFTER_S

    def wanted(self, keys: Iterable[Key]) -> None:
        """Take note that objects are wanted, be it again."""
        for key in keys:
            self._unwanted.pop(key, None)

    def is_overdue(self, key: Key, *, is_short: bool) -> bool:
        """Take note whether a Deployment has lost pods; tell whether that is so for too long."""
        if not is_short:
            self._short.pop(key, None)
            return False
        return self._steady() >= self._short.setdefault(key, self._steady()) + SHORT_FOR_S

    def forget(self, key: Key) -> None:
        """Forget an object that is gone."""
        for each in (self._applied, self._held, self._unwanted, self._short):
            each.pop(key, None)

    def again_s(self, keys: Collection[Key]) -> float | None:
        """Return how long until one of these objects may be looked at again; None: none waits for that."""
        now = self._steady()
        held = [self._held[key].again for key in keys if key in self._held]
        leaving = [self._unwanted[key] + REMOVE_AFTER_S for key in keys if key in self._unwanted]
        short = [self._short[key] + SHORT_FOR_S for key in keys if key in self._short]
        later = [moment - now for moment in (*held, *leaving, *short) if moment > now]
        return min(later, default=None)
