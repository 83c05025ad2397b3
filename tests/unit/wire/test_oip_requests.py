"""What is read from a request is what an engine would read, and what is appended is what it then reads."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oip_messages import Request, a_request
from oip_strategies import anything, cut, facts, field, honest, names, scanned

from fourplane_wire.oip import (
    MAX_FIELDS,
    MAX_NAME_BYTES,
    MalformedError,
    RequestScan,
    read_varint,
    request_suffix,
    varint,
)

places = st.lists(st.integers(0, 2000), max_size=30)


def parse(data):
    """Return what protobuf makes of the bytes, or None."""
    try:
        return Request.FromString(data)
    except DecodeError:
        return None


@given(honest(), places)
def test_any_chunking_gives_the_same_scan(data, cuts):
    try:
        whole = facts(scanned([data]))
    except MalformedError:
        with pytest.raises(MalformedError):
            scanned(cut(data, cuts))
    else:
        assert facts(scanned(cut(data, cuts))) == whole


@given(anything, places)
def test_bad_bytes_are_judged_alike_in_any_chunking(data, cuts):
    def verdict(pieces):
        try:
            return facts(scanned(pieces))
        except MalformedError:
            return "malformed"

    whole, pieces = verdict([data]), verdict(cut(data, cuts))
    if "malformed" not in (whole, pieces):
        assert whole == pieces
    elif whole != pieces:
        # A field may be judged as soon as its head has come, or not before its end: never may both be let through.
        assert pieces == "malformed" or not pieces["aligned"]


@given(st.one_of(honest(), anything), names, names)
@settings(max_examples=1000)
@example(b"\x0a\x04echo" + b"\x3a\x7f", "decided", "1")
@example(b"\x0a\x04echo" + b"\x3a\x80\x80\x80\x80\x00", "decided", "1")
@example(b"\x0b" + b"\x0c", "decided", "1")
@example(b"\x33", "decided", "1")
def test_an_engine_reads_the_decided_name_whatever_the_caller_wrote(data, model, version):
    try:
        scan = scanned([data])
    except MalformedError:
        return
    if not scan.aligned:
        return
    read = parse(data + request_suffix(model, version))
    if read is not None:
        assert (read.model_name, read.model_version) == (model, version)


@given(st.binary(max_size=80), names)
@settings(max_examples=1000)
def test_random_bytes_never_hide_what_is_appended(data, model):
    try:
        scan = scanned([data])
    except MalformedError:
        return
    read = parse(data + request_suffix(model, "")) if scan.aligned else None
    if read is not None:
        assert (read.model_name, read.model_version) == (model, "")


@given(honest())
def test_the_last_of_repeated_names_counts_as_it_does_for_an_engine(data):
    read = parse(data)
    if read is None:
        return
    try:
        scan = scanned([data])
    except MalformedError as error:
        assert "behind the tensors" in str(error)  # noqa: PT017 - the only reason to refuse an honest request
        return
    assert (scan.model, scan.version, scan.id) == tuple(
        value.encode() for value in (read.model_name, read.model_version, read.id)
    )


@given(honest(), places)
def test_what_is_known_when_the_tensors_begin_is_known_at_the_end(data, cuts):
    """The plan is made as soon as the scan is ready; how the bytes were cut must not change it."""
    scan = RequestScan()
    early = None
    try:
        for piece in cut(data, cuts):
            scan.feed(piece, 0, len(piece))
            if scan.ready and early is None:
                early = (scan.model, scan.version, scan.sequence, scan.sequence_start)
    except MalformedError:
        return
    assert early in (None, (scan.model, scan.version, scan.sequence, scan.sequence_start))


@pytest.mark.parametrize(
    "late",
    [field(1, b"other"), field(2, b"7"), field(4, field(1, b"sequence_id") + field(2, b"\x10\x05"))],
    ids=["name", "version", "sequence"],
)
def test_a_decisive_field_behind_the_tensors_is_refused(late):
    with pytest.raises(MalformedError, match="behind the tensors"):
        scanned([a_request().SerializeToString() + late])


def test_a_name_that_is_repeated_behind_the_tensors_is_taken():
    scan = scanned([a_request("echo").SerializeToString() + field(1, b"echo") + field(3, b"id-2")])
    assert (scan.model, scan.id, scan.aligned) == (b"echo", b"id-2", True)


@given(names, names, st.text(max_size=20), st.binary(max_size=300), places)
def test_a_stock_request_is_read(model, version, request_id, tensor, cuts):
    data = a_request(model, version=version, request_id=request_id, tensor=tensor).SerializeToString()
    scan = scanned(cut(data, cuts))
    assert (scan.model or b"", scan.version, scan.id) == (model.encode(), version.encode(), request_id.encode())
    assert scan.aligned
    assert scan.ready == bool(model)


@pytest.mark.parametrize(("sequence", "start"), [(5, True), (2**63 - 1, False), ("run-7", True), ("x" * 200, False)])
def test_a_sequence_is_recognised(sequence, start):
    scan = scanned([a_request(sequence=sequence, start=start, end=not start).SerializeToString()])
    assert scan.sequence
    assert (scan.sequence_start, scan.sequence_end) == (start, not start)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_different_sequences_are_told_apart(one, other):
    first, second = (scanned([a_request(sequence=number).SerializeToString()]).sequence for number in (one, other))
    assert (first == second) == (one == other)
    assert bool(first) == bool(one)


@pytest.mark.parametrize("value", [b"\x10\x00", b"\x1a\x00", b""])
def test_an_empty_sequence_id_means_no_sequence(value):
    data = field(1, b"echo") + field(4, field(1, b"sequence_id") + field(2, value))
    assert scanned([data]).sequence == b""


@pytest.mark.parametrize(
    "entry",
    [
        field(2, b"\x10\x05") + field(1, b"sequence_id"),
        field(1, b"other") + field(1, b"sequence_id") + field(2, b"\x10\x05"),
        b"\x0a\x8b\x00sequence_id" + field(2, b"\x10\x05"),
        field(1, b"sequence_id") + b"\x12\x82\x00\x10\x05",
    ],
    ids=["value first", "key twice", "long length of the key", "long length of the value"],
)
def test_a_sequence_is_recognised_however_its_parameter_is_encoded(entry):
    data = field(1, b"echo") + field(4, entry)
    assert Request.FromString(data).parameters["sequence_id"].int64_param == 5
    usual = scanned([a_request(sequence=5).SerializeToString()])
    assert scanned([data]).sequence == usual.sequence


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x00", "number"),
        (b"\x02\x00", "number"),
        (b"\x0b\x0c", "groups"),
        (b"\x0e", "groups"),
        (b"\x0f", "groups"),
        (b"\x80" * 10 + b"\x01", "varint"),
        (b"\x08" + b"\xff" * 10, "varint"),
        (b"\x3a\x80\x80\x80\x80\x08", "2 GiB"),
        (field(1, b"x" * (MAX_NAME_BYTES + 1)), "may have"),
        (field(3, b"x" * (MAX_NAME_BYTES + 1)), "may have"),
    ],
)
def test_what_can_be_no_message_is_refused(data, why):
    with pytest.raises(MalformedError, match=why):
        scanned([data])


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x05abcd", b"\x3a\x05abcd", b"\x08\x80", b"\x09\1\2", b"\x0d\1", b"\x80"]
)
def test_a_message_that_is_cut_off_is_not_aligned(data):
    assert not scanned([data]).aligned


def test_a_long_parameter_is_passed_over():
    data = field(1, b"echo") + field(4, field(1, b"text") + field(2, b"\x1a\x90\x4e" + b"x" * 10_000))
    scan = scanned(cut(data, range(0, len(data), 7)))
    assert (scan.model, scan.aligned) == (b"echo", True)


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=3))
def test_a_varint_is_read_back(value, behind):
    raw = varint(value) + behind
    assert read_varint(raw, 0, len(raw)) == (value, len(raw) - len(behind))


@given(st.integers(0, (1 << 64) - 1))
def test_a_varint_that_is_cut_off_is_no_varint(value):
    raw = varint(value)
    assert read_varint(raw, 0, len(raw) - 1) == (-1, 0)


@pytest.mark.parametrize("field", [b"\x32\x00", b"\x22\x00", b"\x48\x00"])
def test_a_message_of_nothing_but_fields_is_refused_before_it_costs_much(field):
    scan = RequestScan()
    data = b"\x0a\x01m" + field * (MAX_FIELDS - 1)
    scan.feed(data, 0, len(data))
    assert scan.aligned
    with pytest.raises(MalformedError, match="more than 16384 fields"):
        scan.feed(field, 0, len(field))
