"""Deadlines by one coarse timer, on a loop whose time the tests set."""

from hypothesis import given
from hypothesis import strategies as st

from fourplane_worker.front.deadlines import Deadlines

TICK = 0.01


class Handle:
    def __init__(self, loop, at, call):
        self.loop, self.at, self.call, self.cancelled = loop, at, call, False

    def when(self):
        return self.at

    def cancel(self):
        self.cancelled = True


class Loop:
    """A clock that only moves when it is told to, and its timers."""

    def __init__(self, now=1000.0):
        self.now = now
        self.handles = []

    def time(self):
        return self.now

    def call_at(self, at, call):
        self.handles.append(Handle(self, at, call))
        return self.handles[-1]

    @property
    def timers(self):
        return [handle for handle in self.handles if not handle.cancelled]

    def run_until(self, end):
        while due := [handle for handle in self.timers if handle.at <= end]:
            first = min(due, key=Handle.when)
            self.handles.remove(first)
            self.now = max(self.now, first.at)
            first.call()
        self.now = max(self.now, end)


class Item:
    def __init__(self, loop, then=lambda _item: None):
        self.tick = 0
        self.loop = loop
        self.then = then
        self.expired = []

    def expire(self):
        self.expired.append(self.loop.time())
        self.then(self)


@given(st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=20))
def test_nobody_expires_early_or_more_than_two_ticks_late(delays):
    loop = Loop()
    deadlines = Deadlines(loop)
    items = [(Item(loop), loop.now + delay) for delay in delays]
    for item, at in items:
        deadlines.add(item, at)
    assert len(loop.timers) == 1
    loop.run_until(loop.now + 4)
    for item, at in items:
        (expired,) = item.expired
        assert at - 1e-6 <= expired <= at + 2 * TICK
        assert item.tick == 0
    assert not loop.timers
    assert not deadlines._ticks


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20))
def test_who_is_removed_does_not_expire(items):
    loop = Loop()
    deadlines = Deadlines(loop)
    added = [(Item(loop), removed) for _, removed in items]
    for (item, _), (delay, _) in zip(added, items, strict=True):
        deadlines.add(item, loop.now + delay)
    for item, removed in added:
        if removed:
            deadlines.remove(item)
            deadlines.remove(item)
    loop.run_until(loop.now + 2)
    assert [len(item.expired) for item, _ in added] == [int(not removed) for _, removed in added]


def test_an_earlier_deadline_moves_the_timer():
    loop = Loop()
    deadlines = Deadlines(loop)
    late, early = Item(loop), Item(loop)
    deadlines.add(late, loop.now + 10)
    deadlines.add(early, loop.now + 1)
    assert len(loop.timers) == 1
    loop.run_until(loop.now + 2)
    assert (len(early.expired), len(late.expired)) == (1, 0)
    loop.run_until(loop.now + 10)
    assert len(late.expired) == 1


def test_a_deadline_that_has_passed_already_expires_at_once():
    loop = Loop()
    deadlines = Deadlines(loop)
    item = Item(loop)
    deadlines.add(item, loop.now - 5)
    loop.run_until(loop.now)
    assert item.expired


def test_one_may_be_added_and_removed_while_others_expire():
    loop = Loop()
    deadlines = Deadlines(loop)
    other = Item(loop)
    again = Item(loop)

    def meddle(_item):
        deadlines.remove(other)
        deadlines.add(again, loop.now + 1)

    deadlines.add(Item(loop, meddle), loop.now + 0.1)
    deadlines.add(other, loop.now + 0.5)
    loop.run_until(loop.now + 3)
    assert (len(other.expired), len(again.expired)) == (0, 1)


def test_a_fault_in_one_does_not_keep_the_others_waiting(caplog):
    loop = Loop()
    deadlines = Deadlines(loop)
    good, later = Item(loop), Item(loop)
    deadlines.add(Item(loop, lambda _item: 1 // 0), loop.now + 0.1)
    deadlines.add(good, loop.now + 0.1)
    deadlines.add(later, loop.now + 1)
    loop.run_until(loop.now + 2)
    assert good.expired
    assert later.expired
    assert "ZeroDivisionError" in caplog.text


def test_a_removal_of_the_same_tick_within_an_expiry_is_heard():
    loop = Loop()
    deadlines = Deadlines(loop)
    second = Item(loop)
    deadlines.add(Item(loop, lambda _item: deadlines.remove(second)), loop.now + 0.1)
    deadlines.add(second, loop.now + 0.1)
    loop.run_until(loop.now + 1)
    assert second.expired == []
