"""The third fuzzer: the same frames to this core and to the h2 library, and the same judgement of each."""

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from fourplane_http2 import Connection, Fields, Limits, Role, Stream, encode
from fuzz import permitted, wire
from fuzz.cases import parse
from fuzz.owners import Listener
from fuzz.wire import ACK, GOAWAY, PING, REQUEST, RESPONSE, RST_STREAM, SETTINGS, split

ALTSVC = 10
LIMITS = Limits(
    stream_window=2000, connection_window=65_535, header_table_size=4096, max_concurrent_streams=4,
    max_header_list_bytes=65_536, remembered_resets=1 << 16,
)  # fmt: skip
_SETTING = h2.settings.SettingCodes
_REQUEST_BLOCK, _RESPONSE_BLOCK = encode(REQUEST), encode(RESPONSE)


@dataclass
class Judgement:
    """What one end made of one frame."""

    events: list[tuple[object, ...]] = field(default_factory=list)
    resets: dict[int, int] = field(default_factory=dict)
    """Streams ended for the peer's error, with their codes."""
    failed: int | None = None
    """The code with which the connection ended."""
    why: str = ""
    """What the library says of it."""
    lenient: bool = False
    """It comes from a client of ours."""


class Ours(Listener):
    """This core, whose owner answers what has ended, gives up some streams, and credits the connection alone."""

    def __init__(self, role: Role, plan: bytes) -> None:
        super().__init__()
        self.plan = plan
        self.gave_up: set[int] = set()
        self.conn = Connection(role, LIMITS, self)
        self._events: list[tuple[object, ...]] = []
        if role is Role.CLIENT:
            for end in (True, False, False):
                self.conn.request(_REQUEST_BLOCK, None, end)

    def feed(self, data: bytes) -> Judgement:
        """Take bytes of the peer."""
        self._events = []
        self.conn.out = []
        self.conn.receive(data)
        result = Judgement(self._events, lenient=self.conn.role is Role.CLIENT)
        for kind, flags, stream_id, payload in split(b"".join(self.conn.out))[0]:
            value = int.from_bytes(payload[-4:], "big")
            if kind == RST_STREAM and stream_id not in self.gave_up:
                result.resets[stream_id] = value
            elif kind == GOAWAY:
                result.failed = int.from_bytes(payload[4:8], "big")
            elif kind in {PING, SETTINGS} and flags & ACK:
                result.events.append(("answer", kind, payload))
        return result

    def windows(self) -> dict[int, int]:
        """Return what may be sent, by stream; 0 is the connection."""
        return {0: self.conn.send_window} | {
            number: stream.send_window for number, stream in self.conn.open_streams.items()
        }

    def on_headers(self, stream: Stream, fields: Fields, end: bool) -> None:
        super().on_headers(stream, fields, end)
        self._events.append(("head", stream.id, list(fields.pairs)))
        if gives_up(self.plan, stream.id) and not stream.over:
            self.gave_up.add(stream.id)
            self.endings[stream.id] += 1
            self.conn.reset(stream, 8)
        elif end:
            self._end(stream)

    def on_trailers(self, stream: Stream, fields: Fields) -> None:
        super().on_trailers(stream, fields)
        self._events.append(("tail", stream.id, list(fields.pairs)))
        self._end(stream)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        super().on_data(stream, data, end)
        if data:
            self._events.append(("data", stream.id, data))
        if end:
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        self._events.append(("end", stream.id))
        if answers(self.plan, stream.id) and self.conn.role is Role.SERVER:
            self.conn.send_headers(stream, _RESPONSE_BLOCK, True)

    def on_reset(self, stream: Stream, code: int) -> None:
        super().on_reset(stream, code)
        self._events.append(("reset", stream.id))

    def on_refused(self, stream: Stream) -> None:
        super().on_refused(stream)
        self._events.append(("reset", stream.id))

    def on_pong(self, payload: bytes) -> None:
        super().on_pong(payload)
        self._events.append(("pong", payload))

    def on_goaway(self, last: int, code: int, debug: bytes) -> None:
        super().on_goaway(last, code, debug)
        self._events.append(("goaway", last, code))


class Theirs:
    """The library, with an owner that does the same."""

    def __init__(self, role: Role, plan: bytes) -> None:
        self.plan = plan
        self.server = role is Role.SERVER
        self.gave_up: set[int] = set()
        config = h2.config.H2Configuration(
            client_side=not self.server, header_encoding=None, normalize_inbound_headers=False
        )
        self.conn = h2.connection.H2Connection(config)
        values = {
            _SETTING.INITIAL_WINDOW_SIZE: LIMITS.stream_window,
            _SETTING.HEADER_TABLE_SIZE: LIMITS.header_table_size,
            _SETTING.MAX_CONCURRENT_STREAMS: LIMITS.max_concurrent_streams,
            _SETTING.MAX_HEADER_LIST_SIZE: LIMITS.max_header_list_bytes,
            _SETTING.ENABLE_PUSH: 0,
        }
        self.conn.local_settings = h2.settings.Settings(client=not self.server, initial_values=values)
        self.conn.initiate_connection()
        if not self.server:
            for number, end in ((1, True), (3, False), (5, False)):
                self.conn.send_headers(number, REQUEST, end_stream=end)

    def feed(self, data: bytes) -> Judgement:
        """Take bytes of the peer."""
        self.conn.clear_outbound_data_buffer()
        result = Judgement()
        try:
            events = self.conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            result.failed, result.why = int(error.error_code), f"{type(error).__name__}: {error}"
            return result
        for event in events:
            self._note(event, result)
        for kind, flags, stream_id, payload in split(self.conn.data_to_send())[0]:
            if kind == RST_STREAM and stream_id not in self.gave_up:
                result.resets[stream_id] = int.from_bytes(payload, "big")
            elif kind in {PING, SETTINGS} and flags & ACK:
                result.events.append(("answer", kind, payload))
        return result

    def windows(self) -> dict[int, int]:
        """Return what may be sent, by stream; 0 is the connection."""
        return {0: self.conn.outbound_flow_control_window} | {
            number: stream.outbound_flow_control_window for number, stream in self.conn.streams.items()
        }

    def _note(self, event: h2.events.Event, result: Judgement) -> None:  # noqa: C901 -- a list
        match event:
            case h2.events.RequestReceived() | h2.events.ResponseReceived():
                result.events.append(("head", event.stream_id, [tuple(pair) for pair in event.headers]))
                if gives_up(self.plan, event.stream_id) and not self.conn.streams[event.stream_id].closed:
                    self.gave_up.add(event.stream_id)
                    self.conn.reset_stream(event.stream_id, 8)
            case h2.events.TrailersReceived():
                result.events.append(("tail", event.stream_id, [tuple(pair) for pair in event.headers]))
            case h2.events.DataReceived():
                self.conn.increment_flow_control_window(event.flow_controlled_length or 1)
                if event.data:
                    result.events.append(("data", event.stream_id, event.data))
            case h2.events.StreamEnded() if event.stream_id not in self.gave_up:
                result.events.append(("end", event.stream_id))
                if answers(self.plan, event.stream_id) and self.server:
                    self.conn.send_headers(event.stream_id, RESPONSE, end_stream=True)
            case h2.events.StreamReset():
                result.events.append(("reset", event.stream_id))
            case h2.events.PingAckReceived():
                result.events.append(("pong", event.ping_data))
            case h2.events.ConnectionTerminated():
                result.events.append(("goaway", event.last_stream_id, int(event.error_code)))
            case _:
                pass


def gives_up(plan: bytes, stream_id: int) -> bool:
    """Tell whether the owners reset a stream when its head has come."""
    return plan[stream_id // 2 % len(plan)] & 7 == 5


def answers(plan: bytes, stream_id: int) -> bool:
    """Tell whether the owners answer a stream when it has ended."""
    return plan[stream_id // 2 % len(plan)] & 8 == 0


def check(data: bytes, rules: tuple[permitted.Rule, ...] = permitted.RULES, used: set[str] | None = None) -> None:
    """Raise if the two ends judge a frame differently and no rule says that they may; name what was used."""
    case = parse(data)
    ours, theirs = Ours(case.role, case.plan), Theirs(case.role, case.plan)
    opening = (
        (wire.PREFACE if case.role is Role.SERVER else b"") + wire.frame(SETTINGS, 0, 0) + wire.frame(SETTINGS, 1, 0)
    )
    ours.feed(opening)
    theirs.feed(opening)
    for each in split(case.wire)[0]:
        if each[0] == ALTSVC:
            continue
        mine, other = ours.feed(wire.frame(*each)), theirs.feed(wire.frame(*each))
        if _shown(mine) != _shown(other):
            rule = permitted.find(rules, each, mine, other)
            assert rule is not None, f"{each[:3]} {each[3][:60]!r}:\n  here {mine}\n  there {other}"
            if used is not None:
                used.add(rule.name)
            return
        if mine.failed is not None or each[0] == GOAWAY:
            return
        _compare_windows(ours, theirs)


def _shown(judgement: Judgement) -> object:
    """Return what must be equal: the code alone of a connection that ended, since the library then says no more."""
    if judgement.failed is not None:
        return judgement.failed
    told = [event for event in judgement.events if event[0] != "reset" or event[1] not in judgement.resets]
    return sorted(map(repr, told)), judgement.resets


def _compare_windows(ours: Ours, theirs: Theirs) -> None:
    mine, other = ours.windows(), theirs.windows()
    for number in mine.keys() & other.keys():
        assert mine[number] == other[number], f"window of {number}: {mine[number]} here, {other[number]} there"
