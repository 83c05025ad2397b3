"""The life of a stream as tables (RFC 9113, section 5.1); all of it is in this file."""

from collections.abc import Mapping
from enum import IntEnum


class Role(IntEnum):
    """Tell which end of the connection we are."""

    SERVER = 0
    CLIENT = 1


class State(IntEnum):
    """Where a stream is in its life; RESERVED does not occur, since push is off."""

    IDLE = 0
    OPEN = 1
    HALF_CLOSED_LOCAL = 2
    HALF_CLOSED_REMOTE = 3
    CLOSED = 4
    RESET_HERE = 5
    """Closed by our RST_STREAM a short while ago: the peer may not know yet."""


class Event(IntEnum):
    """What moves a stream from one state to another."""

    END_SENT = 0
    END_RECEIVED = 1
    RESET_RECEIVED = 2
    RESET_SENT = 3
    LOST = 4
    """The connection ended, or GOAWAY left it out."""


class Answer(IntEnum):
    """What a frame on a stream in some state calls for."""

    TAKE = 0
    IGNORE = 1
    STRAY = 2
    """Ignore it, within a bound."""
    STREAM_CLOSED = 3
    """A stream error STREAM_CLOSED."""
    CONNECTION_CLOSED = 4
    """A connection error STREAM_CLOSED, or PROTOCOL_ERROR where the identifier was never used."""
    PROTOCOL_ERROR = 5
    """A connection error PROTOCOL_ERROR."""


IDLE, OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, CLOSED, RESET_HERE = State

NEXT: Mapping[tuple[State, Event], State] = {
    (OPEN, Event.END_SENT): HALF_CLOSED_LOCAL,
    (OPEN, Event.END_RECEIVED): HALF_CLOSED_REMOTE,
    (HALF_CLOSED_LOCAL, Event.END_RECEIVED): CLOSED,
    (HALF_CLOSED_REMOTE, Event.END_SENT): CLOSED,
    **{(state, Event.RESET_SENT): RESET_HERE for state in (OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE)},
    **{(state, Event.RESET_RECEIVED): CLOSED for state in (OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE)},
    **{(state, Event.LOST): CLOSED for state in (OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE)},
}
"""A stream's first HEADERS makes it OPEN, or half closed if it ends there; IDLE ones have no object."""

SENDING = frozenset({OPEN, HALF_CLOSED_REMOTE})
"""States in which we may send HEADERS and DATA."""
RECEIVING = frozenset({OPEN, HALF_CLOSED_LOCAL})
"""States in which the peer may."""
OVER = frozenset({CLOSED, RESET_HERE})

DATA_RECEIPT: Mapping[tuple[Role, State], Answer] = {
    (Role.SERVER, IDLE): Answer.PROTOCOL_ERROR,
    (Role.SERVER, HALF_CLOSED_REMOTE): Answer.STREAM_CLOSED,
    (Role.SERVER, CLOSED): Answer.STREAM_CLOSED,
    (Role.SERVER, RESET_HERE): Answer.IGNORE,
    (Role.CLIENT, IDLE): Answer.PROTOCOL_ERROR,
    (Role.CLIENT, HALF_CLOSED_REMOTE): Answer.STRAY,
    (Role.CLIENT, CLOSED): Answer.STRAY,
    (Role.CLIENT, RESET_HERE): Answer.IGNORE,
}
"""DATA outside the receiving states; ignored DATA is bounded by the connection's window."""

HEADERS_RECEIPT: Mapping[tuple[Role, State], Answer] = {
    (Role.SERVER, IDLE): Answer.TAKE,
    (Role.SERVER, HALF_CLOSED_REMOTE): Answer.STREAM_CLOSED,
    (Role.SERVER, CLOSED): Answer.CONNECTION_CLOSED,
    (Role.SERVER, RESET_HERE): Answer.STRAY,
    (Role.CLIENT, IDLE): Answer.PROTOCOL_ERROR,
    (Role.CLIENT, HALF_CLOSED_REMOTE): Answer.STRAY,
    (Role.CLIENT, CLOSED): Answer.STRAY,
    (Role.CLIENT, RESET_HERE): Answer.STRAY,
}
"""A header block outside the receiving states."""

CONTROL_RECEIPT: Mapping[State, Answer] = {
    IDLE: Answer.PROTOCOL_ERROR,
    CLOSED: Answer.STRAY,
    RESET_HERE: Answer.STRAY,
}
"""RST_STREAM and WINDOW_UPDATE on streams that are not open."""
