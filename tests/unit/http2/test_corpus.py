"""What the fuzzers keep: short inputs that go every way through the core; each is a conversation that once was new."""

import pytest
from fuzz import blocks, core, differential, permitted, wire
from fuzz.cases import build
from fuzz.run import TARGETS, read

CHECKS = {"core": core.check, "blocks": blocks.check, "differential": differential.check}


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_of_the_corpus_finds_anything(target):
    inputs = read(target)
    assert len(inputs) > 20
    for data in inputs:
        CHECKS[target](data)


def test_the_corpus_needs_most_of_the_rules_of_what_may_differ():
    used: set[str] = set()
    for data in read("differential"):
        differential.check(data, used=used)
    assert len(used) > len(permitted.RULES) * 0.7


def test_a_difference_without_a_rule_is_found():
    with pytest.raises(AssertionError, match="here Judgement"):
        differential.check(build(wire.frame(8, 0, 0, b"\x80\0\0\1")), rules=())
