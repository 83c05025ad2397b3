"""A second, simple account of one connection: what may be sent, both ways, and what was announced (RFC 9113)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from fourplane_http2 import Connection, Role
from fourplane_http2.states import RECEIVING
from fuzz.wire import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEAD,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    SETTINGS,
    WINDOW_UPDATE,
    split,
)

_DEFAULT_WINDOW = 65_535


@dataclass
class Account:
    """What was seen of one stream."""

    to_peer: int
    """Bytes that the peer still lets us send."""
    from_peer: int
    """Bytes that we still let the peer send."""
    sent: bytearray = field(default_factory=bytearray)
    came: bytearray = field(default_factory=bytearray)
    ended: bool = False
    """END_STREAM has left."""
    reset: bool = False
    """RST_STREAM has left."""
    blocks: int = 0


class Referee:
    """Read both directions of a connection, and object to what the core may not do."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.server = conn.role is Role.SERVER
        self.streams: dict[int, Account] = {}
        self.early: dict[int, Account] = {}
        """Streams that were spoken of before they were opened."""
        self.peer_window = self.peer_connection = _DEFAULT_WINDOW
        self.peer_frame = 16_384
        self.own_window = self.own_connection = _DEFAULT_WINDOW
        self.own_settings: list[dict[int, int]] = []
        """Announced, not yet acknowledged."""
        self.their_settings: list[list[tuple[int, int]]] = []
        """Heard, not yet acknowledged."""
        self.pings: list[bytes] = []
        self.most_streams = 0
        """The largest number of streams that was ever announced."""
        self.own_block = 0
        self.goaways: list[int] = []
        self._heard = self._said = b""
        self._greeted = False
        self._preface = PREFACE if self.server else b""
        self._data_left = 0
        self._data_stream: Account | None = None
        self._padding = 0

    def hear(self, data: bytes) -> None:
        """Take what the peer is about to send, before the core gets it."""
        count = min(len(data), len(self._preface))
        self._preface, data = self._preface[count:], data[count:]
        self._heard += data
        while self._hear_one():
            pass

    def _hear_one(self) -> bool:
        data = self._heard
        if self._data_left:
            self._hear_rest()
            return bool(self._heard) and not self._data_left
        if len(data) < HEAD:
            return False
        length, kind = int.from_bytes(data[:3], "big"), data[3]
        if kind == DATA:
            if length and len(data) == HEAD:
                return False
            self._heard = data[HEAD:]
            self._hear_data(length, data[4], int.from_bytes(data[5:9], "big") & 0x7FFFFFFF)
            self._hear_rest()
            return True
        frames, _ = split(data[: HEAD + length])
        if not frames:
            return False
        self._heard = data[HEAD + length :]
        self._hear_frame(*frames[0])
        return True

    def _hear_data(self, length: int, flags: int, stream_id: int) -> None:
        self.own_connection -= length
        account = self._data_stream = self._heard_of(stream_id)
        self._data_left, self._padding = length, 0
        account.from_peer -= length
        if flags & PADDED and length:
            self._padding = self._heard[0]
            self._heard = self._heard[1:]
            self._data_left -= 1

    def _hear_rest(self) -> None:
        taken = self._heard[: self._data_left]
        self._heard = self._heard[len(taken) :]
        if self._data_stream is not None:
            self._data_stream.came += taken[: max(self._data_left - self._padding, 0)]
        self._data_left -= len(taken)

    def _hear_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        stream_id &= 0x7FFFFFFF
        if kind == HEADERS and self.server:
            self._open(stream_id)
        elif kind == WINDOW_UPDATE and len(payload) == 4:
            increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
            if not stream_id:
                self.peer_connection += increment
            else:
                self._heard_of(stream_id).to_peer += increment
        elif kind == SETTINGS and not stream_id:
            self._hear_settings(flags, payload)
        elif kind == PING and not flags & ACK:
            self.pings.append(payload)

    def _heard_of(self, stream_id: int) -> Account:
        """Return the account of a stream; a client may open it only while it reads what concerns it."""
        return self.streams.get(stream_id) or self.early.setdefault(stream_id, self._account())

    def _account(self) -> Account:
        # Settings that were heard and are not acknowledged yet reach it with their acknowledgement.
        return Account(self.peer_window, self.own_window)

    def _open(self, stream_id: int) -> None:
        if stream_id not in self.streams:
            self.streams[stream_id] = self.early.pop(stream_id, None) or self._account()

    def _accounts(self) -> Iterable[Account]:
        return chain(self.streams.values(), self.early.values())

    def _hear_settings(self, flags: int, payload: bytes) -> None:
        if not flags & ACK:
            whole = range(0, len(payload) - 5, 6)
            self.their_settings.append(
                [
                    (int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big"))
                    for at in whole
                ]
            )
        elif self.own_settings:
            window = self.own_settings.pop(0).get(4, self.own_window)
            for account in self._accounts():
                account.from_peer += window - self.own_window
            self.own_window = window

    def say(self, data: bytes) -> None:
        """Take what the core put out."""
        if not self._greeted and data:
            self._greeted = True
            if not self.server:
                assert data.startswith(PREFACE)
                data = data[len(PREFACE) :]
            assert data[3] == SETTINGS, "the first frame is SETTINGS"
        frames, rest = split(data)
        assert not rest, "only whole frames leave"
        for each in frames:
            self._say_frame(*each)

    def _say_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:  # noqa: C901 -- a list
        assert len(payload) <= self.peer_frame, "a frame above the peer's bound"
        assert not self.own_block or (kind == CONTINUATION and stream_id == self.own_block), "a block is interrupted"
        match kind:
            case 0:
                self._say_data(flags, stream_id, payload)
            case 1 | 9:
                self._say_block(kind, flags, stream_id)
            case 3:
                account = self._find(stream_id)
                remembers = self.conn.limits.remembered_resets > len(self.streams)
                assert not (account.reset and remembers), f"stream {stream_id} is reset twice"
                account.reset = True
            case 4:
                self._say_settings(flags, payload)
            case 6:
                assert not flags & ACK or self.pings.pop(0) == payload
            case 7:
                self._say_goaway(payload)
            case 8:
                self._say_window(stream_id, int.from_bytes(payload, "big"))
            case _:
                raise AssertionError(f"a frame of type {kind}")

    def _find(self, stream_id: int) -> Account:
        if self.server and stream_id & 1 and stream_id < max(self.streams, default=0):
            self._open(stream_id)  # the first use of a higher one has closed it (section 5.1.1)
        assert stream_id in self.streams, f"a frame on stream {stream_id}, which is idle"
        return self.streams[stream_id]

    def _say_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        account = self._find(stream_id)
        assert not account.ended, "DATA behind END_STREAM"
        assert not account.reset, "DATA behind RST_STREAM"
        assert account.blocks, "DATA before HEADERS"
        account.sent += payload
        account.to_peer -= len(payload)
        self.peer_connection -= len(payload)
        assert not payload or (account.to_peer >= 0 and self.peer_connection >= 0), "DATA above a window"
        account.ended = bool(flags & END_STREAM)

    def _say_block(self, kind: int, flags: int, stream_id: int) -> None:
        if kind == HEADERS:
            if not self.server and stream_id not in self.streams:
                assert stream_id & 1 and stream_id > max(self.streams, default=0)
                self._open(stream_id)
            account = self._find(stream_id)
            assert not account.ended, "HEADERS behind END_STREAM"
            assert not account.reset, "HEADERS behind RST_STREAM"
            account.ended = bool(flags & END_STREAM)
            account.blocks += 1
        else:
            assert self.own_block
        self.own_block = 0 if flags & END_HEADERS else stream_id

    def _say_settings(self, flags: int, payload: bytes) -> None:
        values = {
            int.from_bytes(payload[at : at + 2], "big"): int.from_bytes(payload[at + 2 : at + 6], "big")
            for at in range(0, len(payload), 6)
        }
        if not flags & ACK:
            self.own_settings.append(values)
            self.most_streams = max(self.most_streams, values.get(3, 0))
            return
        assert not payload
        for key, value in self.their_settings.pop(0):
            if key == 4:
                for account in self._accounts():
                    account.to_peer += value - self.peer_window
                self.peer_window = value
            elif key == 5:
                self.peer_frame = value

    def _say_goaway(self, payload: bytes) -> None:
        last = int.from_bytes(payload[:4], "big")
        assert not self.goaways or last <= self.goaways[-1], "GOAWAY takes back what it said"
        self.goaways.append(last)

    def _say_window(self, stream_id: int, increment: int) -> None:
        assert increment
        if stream_id:
            account = self._find(stream_id)
            assert not account.reset
            account.from_peer += increment
            assert account.from_peer < 2**31
        else:
            self.own_connection += increment
            assert self.own_connection < 2**31

    def check(self) -> None:
        """Compare the core's windows with ours, and its memory with its limits."""
        conn, limits = self.conn, self.conn.limits
        if conn.ended:
            return
        assert not self.their_settings and not self.pings, "something is left unanswered"
        assert conn.send_window == self.peer_connection
        assert conn.receive_window == self.own_connection
        assert 0 <= conn.receive_window < 2**31
        for number, stream in conn.open_streams.items():
            account = self.streams[number]
            assert stream.send_window == account.to_peer
            if conn.acknowledged and stream.state in RECEIVING:
                assert stream.receive_window == account.from_peer >= 0
            if stream.queued and not conn.paused and conn.send_window > 0:
                assert stream.send_window <= 0, "something could go and does not"
            assert stream.queued == sum(map(len, stream.queue or ()))
        assert not self.server or len(conn.open_streams) <= self.most_streams
        assert conn.held_bytes <= limits.max_frame_size + HEAD or not conn.held
        assert conn.block_bytes <= conn.max_block
        assert len(conn.block) <= limits.max_continuations + 1
        assert len(conn.reset_here) <= limits.remembered_resets
        assert len(conn.ready) <= len(conn.open_streams)

    def check_content(self, bodies: dict[int, bytearray], given: dict[int, bytearray]) -> None:
        """Compare what the owner got and gave with what went over the wire, stream by stream."""
        for number, body in bodies.items():
            assert self.streams[number].came.startswith(body), f"stream {number} got what was not sent on it"
        for number, account in self.streams.items():
            assert given.get(number, b"").startswith(account.sent), f"stream {number} sent what was not given to it"
