"""Every way that a request can end is described, everywhere."""

import pytest

from fourplane_core.outcomes import ENDINGS, Code, Outcome

CODES = {value for name, value in vars(Code).items() if name.isupper()}


def test_every_outcome_has_an_ending_and_no_other_has():
    assert set(ENDINGS) == set(Outcome)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_ending_has_a_code_and_a_retry_only_where_it_repeats_nothing(outcome):
    ending = ENDINGS[outcome]
    assert ending.code in CODES | {2}
    assert (ending.code == 2) is (outcome is Outcome.ENGINE_ERROR)
    assert (ending.code == Code.OK) is (outcome is Outcome.OK)
    assert outcome.name == outcome.value
    if ending.retry_after_ms is not None:
        # UNAVAILABLE is what stock clients retry; a request that may have run is none of them.
        assert ending.retry_after_ms > 0
        assert ending.code == Code.UNAVAILABLE
        assert outcome not in (Outcome.ENGINE_LOST, Outcome.STREAM_INTERRUPTED)
