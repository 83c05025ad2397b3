"""Laws of the weighted choice."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_core.control import routing


@dataclass(frozen=True)
class Candidate:
    salt: int
    weight: int


keys = st.integers(0, 2**64 - 1)
candidates = st.lists(
    st.builds(Candidate, keys, st.integers(0, 1_000_000)), min_size=1, max_size=6, unique_by=lambda one: one.salt
).map(tuple)
positions = st.integers(0, 5)


@given(candidates, keys)
def test_a_candidate_is_chosen_whenever_one_has_weight(several, key):
    chosen = routing.choose(several, key)
    if any(one.weight for one in several):
        assert chosen in several
        assert chosen.weight > 0
    else:
        assert chosen is None


@given(candidates, keys, st.randoms())
def test_the_order_of_candidates_has_no_effect(several, key, random):
    assert routing.choose(several, key) == routing.choose(tuple(random.sample(several, len(several))), key)


@given(candidates, keys)
def test_only_the_proportions_of_weights_count(several, key):
    doubled = tuple(replace(one, weight=2 * one.weight) for one in several)
    before, after = routing.choose(several, key), routing.choose(doubled, key)
    assert (before and before.salt) == (after and after.salt)


@given(candidates, keys, positions, st.integers(0, 2_000_000))
def test_a_key_moves_only_to_or_from_the_candidate_whose_weight_changes(several, key, position, weight):
    changed = several[position % len(several)]
    after = tuple(replace(one, weight=weight) if one is changed else one for one in several)
    old, new = routing.choose(several, key), routing.choose(after, key)
    moved = (old and old.salt) != (new and new.salt)
    if moved and weight > changed.weight:
        assert new
        assert new.salt == changed.salt
    if moved and weight < changed.weight:
        assert old
        assert old.salt == changed.salt


@given(candidates, keys, positions)
def test_a_key_stays_when_another_candidate_goes(several, key, position):
    gone = several[position % len(several)]
    old = routing.choose(several, key)
    rest = tuple(one for one in several if one is not gone)
    if old is not gone:
        assert routing.choose(rest, key) == old


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), keys)
def test_shares_follow_weights(weights, seed):
    several = tuple(Candidate(routing.mix(seed + index), weight) for index, weight in enumerate(weights))
    count = 4000
    chosen = [routing.choose(several, routing.key_of(b"%d/%d" % (seed, index))) for index in range(count)]
    for one in several:
        expected = one.weight / sum(weights)
        # Six standard deviations of a binomial count: no luck is needed.
        allowed = 6 * (expected * (1 - expected) / count) ** 0.5
        assert abs(chosen.count(one) / count - expected) < allowed


@given(st.binary())
def test_a_key_is_64_bits(value):
    assert 0 <= routing.key_of(value) < 2**64
    assert 0 <= routing.mix(routing.key_of(value)) < 2**64


def test_keys_are_the_same_on_every_machine():
    assert routing.key_of(b"session-42") == 0x28BD467CBC4B1AAC
    assert routing.mix(42) == 0xBDD732262FEB6E95
