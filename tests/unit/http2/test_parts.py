"""The small parts: the cache, the limits, the table of states."""

import pytest

from fourplane_http2 import Limits, State
from fourplane_http2.cache import Cache
from fourplane_http2.states import (
    CONTROL_RECEIPT,
    DATA_RECEIPT,
    HEADERS_RECEIPT,
    NEXT,
    OVER,
    RECEIVING,
    SENDING,
    Event,
    Role,
)


def test_the_cache_keeps_what_comes_twice_and_what_is_used_outlives_what_is_not():
    cache: Cache[int] = Cache(8000)
    for _ in range(2):
        cache.offer(b"used", 1, 4)
        cache.offer(b"idle", 2, 4)
    assert cache.recall(b"used") == 1
    for place in range(60):
        for _ in range(2):
            cache.offer(b"%d" % place, place, 4)
        assert cache.recall(b"used") == 1
    assert cache.recall(b"idle") is None


def test_the_cache_takes_nothing_that_comes_once_and_nothing_huge():
    cache: Cache[int] = Cache(8000)
    for place in range(5000):
        cache.offer(b"%d" % place, place, 4)
    for _ in range(3):
        cache.offer(b"huge" * 1000, 1, 4)
    assert not cache.young


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_frame_size": 16_383},
        {"max_frame_size": 2**20 + 1},
        {"stream_window": 0},
        {"connection_window": 65_534},
        {"max_header_fields": 2**16},
    ],
)
def test_limits_that_the_protocol_cannot_carry_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        Limits(**wrong)


def test_streams_only_ever_close():
    order = [State.OPEN, State.HALF_CLOSED_LOCAL, State.HALF_CLOSED_REMOTE, State.CLOSED, State.RESET_HERE]
    assert all(order.index(after) > order.index(before) for (before, _), after in NEXT.items())
    assert not any((state, event) in NEXT for state in OVER for event in Event)


def test_every_frame_in_every_state_has_an_answer():
    for role in Role:
        assert {state for key, state in DATA_RECEIPT if key is role} | RECEIVING == set(State)
        assert {state for key, state in HEADERS_RECEIPT if key is role} | RECEIVING == set(State)
    assert set(CONTROL_RECEIPT) | SENDING | RECEIVING == set(State)
