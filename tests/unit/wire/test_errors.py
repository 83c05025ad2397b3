"""Typed errors: one closed list in the core and on the wire."""

import pytest
from google.rpc import error_details_pb2, status_pb2

from fourplane.v1 import errors_pb2
from fourplane_core.outcomes import DOMAIN, ENDINGS, Outcome
from fourplane_wire.status import status_bytes


def test_the_wire_has_the_outcomes_of_the_core():
    assert set(errors_pb2.Outcome.keys()) == {"OUTCOME_UNSPECIFIED"} | {f"OUTCOME_{outcome}" for outcome in Outcome}


def details_of(status):
    """Unpack the details by type."""
    found = {}
    for packed in status.details:
        kind = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])
        found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
    return found


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_status(outcome):
    status = status_pb2.Status.FromString(status_bytes(outcome, "what to do", {"route": "default/r"}))
    details = details_of(status)
    info = details["ErrorInfo"]
    assert (status.code, status.message) == (ENDINGS[outcome].code, "what to do")
    assert (info.reason, info.domain, dict(info.metadata)) == (outcome.value, DOMAIN, {"route": "default/r"})
    delay = ENDINGS[outcome].retry_after_ms
    assert ("RetryInfo" in details) is (delay is not None)
    if delay is not None:
        assert details["RetryInfo"].retry_delay.ToMilliseconds() == delay


def test_an_engine_keeps_its_own_code():
    assert status_pb2.Status.FromString(status_bytes(Outcome.ENGINE_ERROR, "", code=3)).code == 3


def test_equal_errors_have_equal_bytes():
    one = status_bytes(Outcome.POOL_UNAVAILABLE, "m", {"a": "1", "b": "2"})
    assert one == status_bytes(Outcome.POOL_UNAVAILABLE, "m", {"b": "2", "a": "1"})
