"""What a request's header block says, and what of it an engine may see."""

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from fourplane_core.outcomes import Outcome
from fourplane_http2 import Fields
from fourplane_worker.front.head import head_of, timeout_field

USUAL = {":method": b"POST", ":scheme": b"http", ":path": b"/s/m", "content-type": b"application/grpc"}


def a_head(*more, **changes):
    known = {**USUAL, **{name.replace("_", "-"): value for name, value in changes.items()}}
    pairs = [(name.encode(), value) for name, value in known.items() if value is not None]
    return head_of(Fields((*pairs, *more)))


def passed_on(head):
    return Decoder().decode(head.block + head.trace, raw=True)


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (b"1H", 3_600_000),
        (b"2M", 120_000),
        (b"3S", 3000),
        (b"4m", 4),
        (b"5000u", 5),
        (b"6000000n", 6),
        (b"0m", 0),
        (b"00000001S", 1000),
        (b"99999999H", 99_999_999 * 3_600_000),
    ],
)
def test_every_unit_of_a_timeout_is_read(value, milliseconds):
    head = a_head(grpc_timeout=value)
    assert head.refusal is None
    assert head.timeout_ms == pytest.approx(milliseconds)


@pytest.mark.parametrize(
    "value",
    [b"", b"1", b"S", b"-1S", b"+1S", b"1.5S", b"1s", b"123456789m", b"1S ", b" 1S", b"\xd9\xa1S", b"1S\n", b"0x1S"],
)
def test_a_malformed_timeout_is_refused(value):
    assert a_head(grpc_timeout=value).refusal.outcome is Outcome.DEADLINE_MALFORMED


def test_without_a_timeout_there_is_no_deadline():
    assert a_head().timeout_ms is None


@given(st.floats(-1e9, 1e12))
def test_a_timeout_for_an_engine_is_one_that_engines_take(milliseconds):
    ((name, value),) = Decoder().decode(timeout_field(milliseconds), raw=True)
    assert name == b"grpc-timeout"
    assert value.endswith(b"m")
    assert 1 <= int(value[:-1]) <= 99_999_999
    assert len(value) <= 9


@pytest.mark.parametrize("value", [b"AAEC", b"AAE", b"AA==", b"AA", b"", b"AAE,AAEC", b"AAE, AAEC", b"+/+/"])
def test_base64_is_taken_with_and_without_padding(value):
    head = a_head(x_some_bin=value)
    assert head.refusal is None
    assert (b"x-some-bin", value) in passed_on(head)


@pytest.mark.parametrize("value", [b"A", b"not base64!", b"AAE\xff", b"-_-_", b"A=A"])
def test_binary_metadata_that_is_no_base64_is_refused(value):
    head = a_head(x_some_bin=value)
    assert head.refusal.outcome is Outcome.METADATA_MALFORMED
    assert "x-some-bin" in head.refusal.message
    assert head.block == b""


@pytest.mark.parametrize("value", [b"\x7f", b"\x1f", b"\xc3\xa9", b"a\tb"])
def test_text_metadata_must_be_printable(value):
    head = a_head(x_some=value)
    assert head.refusal.outcome is Outcome.METADATA_MALFORMED
    assert "é" not in head.refusal.message


@given(st.dictionaries(st.from_regex(r"[a-z_.-]{1,12}", fullmatch=True), st.binary(max_size=8), max_size=5))
def test_metadata_is_passed_on_as_it_came_or_refused(metadata):
    head = a_head(*[(name.encode(), value) for name, value in metadata.items()])
    if head.refusal is None:
        assert sorted(passed_on(head)) == sorted(head.metadata)


@pytest.mark.parametrize(
    "name",
    ["x-fourplane-digest", "x-fourplane-", "x-fourplane-secret-bin", "authorization", "proxy-authorization", "cookie",
     "te", "user-agent", "host", "content-length", "grpc-timeout", "grpc-accept-encoding", "grpc-trace-bin"],
)  # fmt: skip
def test_what_is_not_for_engines_is_kept_back(name):
    value = b"1S" if name == "grpc-timeout" else b"AAEC"
    head = a_head((name.encode(), value))
    assert passed_on(head) == []
    assert head.value(name) is None


@pytest.mark.parametrize("name", ["x-four", "x_under", "authorization-more", "cookies", "x-request-id"])
def test_everything_else_is_passed_on_in_order(name):
    head = a_head((name.encode(), b"1"), (b"other", b"x"), (name.encode(), b"2"))
    assert passed_on(head) == [(name.encode(), b"1"), (b"other", b"x"), (name.encode(), b"2")]
    assert head.value(name) == b"1"


TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16


@pytest.mark.parametrize(("flags", "sampled"), [(b"01", True), (b"00", False), (b"03", True), (b"fe", False)])
def test_a_traceparent_is_read(flags, sampled):
    head = a_head(traceparent=TRACE + b"-" + flags)
    assert head.traceparent == (b"a" * 32, b"b" * 16, sampled)
    assert Decoder().decode(head.trace, raw=True) == [(b"traceparent", TRACE + b"-" + flags)]
    assert head.block == b""


@pytest.mark.parametrize(
    "value",
    [b"", b"00", TRACE, TRACE + b"-1", TRACE + b"-01-x", TRACE.upper() + b"-01", b"ff" + TRACE[2:] + b"-01",
     b"00-" + b"0" * 32 + b"-" + b"b" * 16 + b"-01", b"00-" + b"a" * 32 + b"-" + b"0" * 16 + b"-01"],
)  # fmt: skip
def test_a_malformed_traceparent_starts_no_trace_and_is_no_error(value):
    head = a_head(traceparent=value)
    assert (head.traceparent, head.refusal) == (None, None)


@pytest.mark.parametrize("encoding", [b"identity", b"gzip", b"deflate"])
def test_known_encodings_are_taken(encoding):
    assert (a_head(grpc_encoding=encoding).refusal, a_head(grpc_encoding=encoding).encoding) == (None, encoding)


@pytest.mark.parametrize("encoding", [b"", b"br", b"GZIP", b"gzip,deflate", b"\xff" * 100])
def test_other_encodings_are_refused(encoding):
    refusal = a_head(grpc_encoding=encoding).refusal
    assert refusal.outcome is Outcome.ENCODING_UNSUPPORTED
    assert len(refusal.message) < 200


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"application/grpc", 0),
        (b"application/grpc+proto", 0),
        (b"application/grpc;charset=utf-8", 0),
        (b"application/grpc-web", 415),
        (b"application/grpcx", 415),
        (b"text/html", 415),
        (b"", 415),
        (None, 415),
    ],
)
def test_the_content_type_tells_grpc(content, status):
    assert a_head(content_type=content).not_grpc == status


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"OPTIONS", b"post"])
def test_only_post_is_grpc(method):
    assert a_head((b"x", b"1"), **{":method": method}).not_grpc == 405


def test_a_block_is_read_once():
    fields = Fields(tuple((name.encode(), value) for name, value in USUAL.items()))
    assert head_of(fields) is head_of(fields)
