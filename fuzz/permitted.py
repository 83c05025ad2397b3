"""Where this core and the h2 library may differ on a frame, with the section (of RFC 9113) that lets them."""

# ruff: noqa: ARG005 -- every rule is asked with the same three things

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from fuzz.wire import (
    CONTINUATION,
    DATA,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
)

if TYPE_CHECKING:
    from fuzz.differential import Judgement

Differs = Callable[[Frame, "Judgement", "Judgement"], bool]
PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, COMPRESSION, CALM = 1, 3, 5, 6, 7, 9, 11


class Rule(NamedTuple):
    """One permitted difference."""

    name: str
    section: str
    differs: Differs


def _quiet(judgement: "Judgement") -> bool:
    return judgement.failed is None and not judgement.resets


def _repeats(payload: bytes) -> bool:
    keys = [payload[at : at + 2] for at in range(0, len(payload), 6)]
    return len(set(keys)) < len(keys)


RULES: tuple[Rule, ...] = (
    Rule(
        "the library ends the connection where the stream would do",
        "5.4.1",
        lambda frame, ours, theirs: theirs.failed in ours.resets.values(),
    ),
    Rule(
        "a block on a stream that the peer has reset ends the connection here, the stream there",
        "5.4.1",
        lambda frame, ours, theirs: ours.failed in {PROTOCOL, CLOSED} and theirs.resets == {frame[2]: CLOSED},
    ),
    Rule(
        "the library calls a header block that does not decode a PROTOCOL_ERROR",
        "4.3: COMPRESSION_ERROR",
        lambda frame, ours, theirs: ours.failed == COMPRESSION and "Error decoding header block" in theirs.why,
    ),
    Rule(
        "a frame of a wrong size breaks another rule too, and each end names another one",
        "4.2, and that of the frame; no order is prescribed",
        lambda frame, ours, theirs: {ours.failed, theirs.failed} == {PROTOCOL, SIZE},
    ),
    Rule(
        "DATA breaks several rules of its stream, and each end names another one",
        "6.1, 6.9 and 8.1; no order is prescribed",
        lambda frame, ours, theirs: (
            bool({FLOW, CLOSED} & set(ours.resets.values()))
            and any(what in theirs.why for what in ("data before headers", "invalid padding"))
        ),
    ),
    Rule(
        "DATA on a stream that takes none is not looked into",
        "5.1, closed",
        lambda frame, ours, theirs: (
            frame[0] == DATA
            and ours.failed is None
            and set(ours.resets.values()) <= {CLOSED}
            and any(what in theirs.why for what in ("invalid padding", "FrameDataMissing"))
        ),
    ),
    Rule(
        "a setting that comes twice in one frame counts twice; the library sees the last alone",
        "6.5.3",
        lambda frame, ours, theirs: frame[0] == SETTINGS and ours.failed in {PROTOCOL, FLOW} and _repeats(frame[3]),
    ),
    Rule(
        "a client refuses ENABLE_PUSH of 1",
        "6.5.2",
        lambda frame, ours, theirs: frame[0] == SETTINGS and ours.failed == PROTOCOL and b"\0\2\0\0\0\1" in frame[3],
    ),
    Rule(
        "GOAWAY ends the streams above its last here; the library leaves them to its owner",
        "6.8",
        lambda frame, ours, theirs: frame[0] == GOAWAY and _quiet(ours) and _quiet(theirs),
    ),
    Rule(
        "the library ignores RST_STREAM on an idle stream",
        "6.4: PROTOCOL_ERROR",
        lambda frame, ours, theirs: frame[0] == RST_STREAM and ours.failed == PROTOCOL and _quiet(theirs),
    ),
    Rule(
        "the library waits for the end of a promise's block before it refuses the promise",
        "6.6",
        lambda frame, ours, theirs: frame[0] == PUSH_PROMISE and ours.failed == PROTOCOL,
    ),
    Rule(
        "the library takes the reserved bit for a part of the increment",
        "6.9",
        lambda frame, ours, theirs: frame[0] == WINDOW_UPDATE and frame[3][0] > 0x7F and theirs.failed == PROTOCOL,
    ),
    Rule(
        "the library answers a frame on a stream that it has reset; here it is ignored",
        "5.1, closed",
        lambda frame, ours, theirs: _quiet(ours) and theirs.resets == {frame[2]: CLOSED},
    ),
    Rule(
        "a block on a stream that was over or passed by, and was reset here for an earlier frame, is ignored",
        "5.1, closed",
        lambda frame, ours, theirs: (
            frame[0] in {HEADERS, CONTINUATION}
            and _quiet(ours)
            and (theirs.failed == CLOSED or "StreamIDTooLow" in theirs.why)
        ),
    ),
    Rule(
        "a WINDOW_UPDATE of nothing on a stream that is over is ignored",
        "5.1, closed",
        lambda frame, ours, theirs: frame[0] == WINDOW_UPDATE and _quiet(ours) and frame[3][1:] == b"\0\0\0",
    ),
    Rule(
        "a PRIORITY of a wrong size, or on itself, is ignored on a stream that was reset here",
        "5.1, closed",
        lambda frame, ours, theirs: frame[0] == PRIORITY and _quiet(ours),
    ),
    Rule(
        "HEADERS that depend on themselves end the connection before their block has come",
        "RFC 7540, 5.3.1",
        lambda frame, ours, theirs: frame[0] == HEADERS and bool(frame[1] & HAS_PRIORITY) and ours.failed == PROTOCOL,
    ),
    Rule(
        "the library's client takes requests on even streams",
        "5.1.1",
        lambda frame, ours, theirs: (
            frame[0] in {HEADERS, CONTINUATION} and not frame[2] & 1 and ours.failed == PROTOCOL
        ),
    ),
    Rule(
        "as a client of an engine this core is lenient about streams that are over, and white space around values",
        "our decision, in docs/http2.md",
        lambda frame, ours, theirs: (
            ours.lenient and _quiet(ours) and (theirs.failed == CLOSED or "surrounded by whitespace" in theirs.why)
        ),
    ),
    Rule(
        "a block on a closed stream that is not the latest, or without HEADERS, is a PROTOCOL_ERROR here",
        "5.1.1 and 6.10: it might never have been used",
        lambda frame, ours, theirs: (
            frame[0] in {HEADERS, CONTINUATION} and (ours.failed, theirs.failed) == (PROTOCOL, CLOSED)
        ),
    ),
    Rule(
        "a block on a stream that takes none ends the connection before it is decoded",
        "4.3: a connection that ends needs no tables",
        lambda frame, ours, theirs: ours.failed in {PROTOCOL, CLOSED} and "Error decoding header block" in theirs.why,
    ),
    Rule(
        "the library ends the connection for a header list above the bound, before it sees the rest of the block",
        "10.5.1",
        lambda frame, ours, theirs: theirs.failed == CALM and "Oversized" in theirs.why,
    ),
    Rule(
        "a header list above the bound is not looked into",
        "10.5.1",
        lambda frame, ours, theirs: CALM in ours.resets.values() and theirs.failed == PROTOCOL,
    ),
    Rule(
        "SETTINGS_ENABLE_CONNECT_PROTOCOL is unknown here and ignored, whatever its value",
        "6.5.2",
        lambda frame, ours, theirs: frame[0] == SETTINGS and _quiet(ours) and "Setting 8" in theirs.why,
    ),
    Rule(
        "the library takes any :method",
        "8.3.1 and RFC 9110, 9.1: a token",
        lambda frame, ours, theirs: ours.resets == {frame[2]: PROTOCOL} and "b':method'" in repr(theirs.events),
    ),
    Rule(
        "the library takes any :status",
        "8.3.2",
        lambda frame, ours, theirs: ours.resets == {frame[2]: PROTOCOL} and "b':status'" in repr(theirs.events),
    ),
    Rule(
        "neither :authority nor Host is needed or compared: the front uses neither",
        "8.3.1: SHOULD",
        lambda frame, ours, theirs: _quiet(ours) and "Host header" in theirs.why,
    ),
    Rule(
        "the library's bound for a HEADERS frame's padding is one too low",
        "6.2",
        lambda frame, ours, theirs: frame[0] == HEADERS and "invalid padding" in theirs.why,
    ),
)


def find(rules: tuple[Rule, ...], frame: Frame, ours: "Judgement", theirs: "Judgement") -> Rule | None:
    """Return the rule that permits this difference."""
    return next((rule for rule in rules if rule.differs(frame, ours, theirs)), None)
