"""What was received is given back once, when what became of it has left."""

from hypothesis import given
from hypothesis import strategies as st

from fourplane_worker.front.ledger import Ledger

pieces = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=10)


@given(pieces, st.lists(st.integers(0, 60), max_size=40))
def test_what_is_owed_is_freed_exactly_once_all_has_left(added, steps):
    ledger = Ledger()
    for going, owed in added:
        ledger.add(going, owed)
    total = sum(going for going, _ in added)
    freed = left = 0
    for step in steps:
        step = min(step, total - left)  # noqa: PLW2901 - no more leaves than was there
        freed += ledger.gone(step)
        left += step
        assert freed <= sum(owed for _, owed in added)
    freed += ledger.gone(total - left)
    assert freed == sum(owed for _, owed in added)


def test_a_long_piece_frees_as_it_leaves():
    ledger = Ledger()
    ledger.add(100, 90)
    assert [ledger.gone(40), ledger.gone(40), ledger.gone(20)] == [40, 40, 10]


def test_a_piece_that_grew_shorter_frees_the_rest_at_its_end():
    ledger = Ledger()
    ledger.add(10, 100)
    assert [ledger.gone(4), ledger.gone(6)] == [4, 96]


def test_more_than_was_there_frees_nothing_more():
    ledger = Ledger()
    ledger.add(1, 1)
    assert [ledger.gone(10), ledger.gone(10)] == [1, 0]
