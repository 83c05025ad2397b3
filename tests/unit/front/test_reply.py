"""Statuses that a worker says itself, and what it passes on of an engine's."""

import base64
from urllib.parse import unquote

import pytest
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from fourplane_core.outcomes import DOMAIN, ENDINGS, Outcome, Refusal
from fourplane_http2 import Fields
from fourplane_worker.front import reply

errors = st.sampled_from([outcome for outcome in Outcome if outcome is not Outcome.OK])


def read(block):
    return dict(Decoder().decode(block, raw=True))


def details_of(fields):
    raw = fields[b"grpc-status-details-bin"]
    assert not raw.endswith(b"=")
    return status_pb2.Status.FromString(base64.b64decode(raw + b"=" * (-len(raw) % 4)))


@given(st.text(max_size=300))
def test_a_message_is_percent_encoded_and_read_back(message):
    encoded = reply.percent_encode(message)
    assert all(0x20 <= byte < 0x7F for byte in encoded)
    assert unquote(encoded.decode()) == message


@given(st.text(max_size=3000))
def test_a_message_is_cut_between_characters(message):
    short = reply.shortened(message)
    assert len(short.encode()) <= 1024 + 3
    assert short == message or (short.endswith("...") and message.startswith(short[:-3]))


@given(errors, st.text(max_size=2000), st.dictionaries(st.sampled_from(["model"]), st.text(max_size=20)))
def test_every_error_carries_its_typed_details(outcome, message, about):
    fields = read(reply.status_block(outcome, message, about=about))
    ending = ENDINGS[outcome]
    status = details_of(fields)
    assert int(fields[b"grpc-status"]) == status.code == ending.code
    assert status.message == unquote(fields[b"grpc-message"].decode())
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == (outcome.value, DOMAIN, about)
    assert len(status.details) == (1 if ending.retry_after_ms is None else 2)
    if ending.retry_after_ms is not None:
        retry = RetryInfo()
        assert status.details[1].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() == ending.retry_after_ms


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK])
def test_the_largest_trailers_of_a_refusal_are_taken_by_stock_clients(outcome):
    block = reply.refusal_block(Refusal(outcome, "m" * 5000), {"model": "m" * 128})
    assert sum(len(name) + len(value) + 32 for name, value in read(block).items()) < 8192 - 1024


def test_an_engines_own_code_stands():
    assert details_of(read(reply.status_block(Outcome.ENGINE_ERROR, "m", 3))).code == 3
    assert reply.status_block(Outcome.OK, "m") == reply.OK_STATUS


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"0", 0), (b"13", 13), (b"", None), (b"x", None), (b"-1", None), (b"9999", None), (b"\xb2", None)],
)
def test_an_engines_status_is_read(raw, status):
    assert reply.engine_head(Fields(((b"grpc-status", raw),))).status == status


def test_what_an_engine_says_is_passed_on_but_not_what_is_the_workers_to_say():
    head = reply.engine_head(
        Fields(
            (
                (b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-encoding", b"gzip"),
                (b"grpc-status", b"5"), (b"grpc-message", b"m"), (b"grpc-status-details-bin", b"AA"), (b"server", b"s"),
                (b"x-fourplane-digest", b"forged"), (b"x-own", b"1"), (b"x-own", b"2"),
            )
        )
    )  # fmt: skip
    assert Decoder().decode(head.block, raw=True) == [(b"x-own", b"1"), (b"x-own", b"2")]
    assert (head.status, head.message, head.details) == (5, b"m", b"AA")
