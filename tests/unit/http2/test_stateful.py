"""Any interleaving of what a peer may send and may not, of what an owner does, and of cuts between reads.

`fuzz/referee.py` keeps a simple account of the connection beside the core, and `fuzz/owners.py` insists on the order of
calls; both are asked after every step.
"""

import random

from fuzz import mutate, wire
from fuzz.cases import LIMITS, pieces
from fuzz.owners import Owner
from fuzz.referee import Referee
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fourplane_http2 import ErrorCode, Role

QUIET = b"\x0c"
"""The plan of an owner that does nothing of itself."""
numbers = st.integers(0, 5)
sizes = st.sampled_from([0, 1, 100, 1000, 5000, 16_384])
seeds = st.integers(0, 2**32)
cuts = st.sampled_from([0, 0, 0, 1, 3, 6])


class Peer:
    """A peer that keeps to the protocol, as far as it knows what the core has said."""

    def __init__(self) -> None:
        self.next_id = 1
        self.headed: set[int] = set()
        self.ended: set[int] = set()


class Conversation(RuleBasedStateMachine):
    """One connection, its owner and its peer."""

    @initialize(
        role=st.sampled_from(Role),
        limits=st.sampled_from(LIMITS[:1] + LIMITS[3:]),
        plan=st.one_of(st.just(QUIET), st.binary(min_size=1, max_size=6)),
    )
    def begin(self, role, limits, plan):
        self.owner = Owner(role, limits, plan)
        self.quiet = plan == QUIET
        self.conn = self.owner.conn
        self.referee = Referee(self.conn)
        self.peer = Peer()
        self.lawful = True
        self.pending = b""
        self.settle()
        self.send((wire.PREFACE if role is Role.SERVER else b"") + wire.frame(wire.SETTINGS, 0, 0), 0, 0)

    # The peer.

    def send(self, data: bytes, cut: int, hold: int) -> None:
        """Deliver what is pending and this, cut, except for some octets at the end."""
        data = self.pending + data
        stop = max(len(data) - hold, 0)
        self.pending = data[stop:]
        for piece in pieces(data[:stop], cut):
            before = self.conn.backlog
            self.referee.hear(piece)
            self.conn.receive(piece)
            if self.quiet and self.conn.paused:
                assert self.conn.ended or before <= self.conn.limits.max_backlog_bytes
                assert self.conn.backlog <= before + 3 * len(piece) + 200, "answers beyond measure"
            self.settle()

    def settle(self) -> None:
        self.referee.say(b"".join(self.conn.out))
        self.conn.out = []

    def of_peer(self, number: int) -> int | None:
        """Return a stream on which the peer may still send."""
        known = self.referee.streams if self.conn.role is Role.CLIENT else self.peer.headed
        usable = sorted(known - self.peer.ended) if isinstance(known, set) else sorted(known.keys() - self.peer.ended)
        return usable[number % len(usable)] if usable else None

    @rule(end=st.booleans(), seed=seeds, cut=cuts, hold=numbers)
    def a_head_comes(self, end, seed, cut, hold):
        rng = random.Random(seed)
        if self.conn.role is Role.SERVER:
            stream_id, fields = self.peer.next_id, wire.REQUEST
            self.peer.next_id += 2
        else:
            unanswered = sorted(self.referee.streams.keys() - self.peer.headed - self.peer.ended)
            if not unanswered:
                return
            stream_id, fields = unanswered[0], wire.RESPONSE
        self.peer.headed.add(stream_id)
        if end:
            self.peer.ended.add(stream_id)
        block = wire.block(fields, rng if seed & 1 else None)
        at = seed % len(block)
        if seed & 2:
            frames = wire.frame(1, int(end), stream_id, block[:at]) + wire.frame(9, 4, stream_id, block[at:])
        else:
            frames = wire.frame(1, 4 | end, stream_id, block)
        self.send(frames, cut, hold)

    @rule(number=numbers, size=sizes, end=st.booleans(), padded=st.booleans(), cut=cuts, hold=st.integers(0, 300))
    def content_comes_within_the_windows(self, number, size, end, padded, cut, hold):  # noqa: PLR0917 -- as drawn
        stream_id = self.of_peer(number)
        if stream_id is None or stream_id not in self.peer.headed:
            return
        if self.pending:
            self.send(b"", 0, 0)
        account = self.referee.streams[stream_id]
        room = min(account.from_peer, self.referee.own_connection, 16_384) - (11 if padded else 0)
        if room < 0:
            return
        size = min(size, room)
        payload = bytes((stream_id & 0xFF,)) * size
        flags = (wire.END_STREAM if end else 0) | (wire.PADDED if padded else 0)
        if padded:
            payload = b"\x0a" + payload + bytes(10)
        if end:
            self.peer.ended.add(stream_id)
        self.send(wire.frame(0, flags, stream_id, payload), cut if len(payload) < 2000 else 0, hold)

    @rule(number=numbers, cut=cuts)
    def trailers_come(self, number, cut):
        stream_id = self.of_peer(number)
        if stream_id in self.peer.headed:
            self.peer.ended.add(stream_id)
            self.send(wire.frame(1, 5, stream_id, wire.block(wire.TRAILERS)), cut, 0)

    @rule(number=numbers, code=st.sampled_from([0, 7, 8]))
    def a_reset_comes(self, number, code):
        stream_id = self.of_peer(number)
        if stream_id is not None:
            self.peer.ended.add(stream_id)
            self.send(wire.frame(3, 0, stream_id, wire.word(code)), 0, 0)

    @rule(number=numbers, whole=st.booleans(), increment=st.sampled_from([1, 100, 70_000]), hold=numbers)
    def a_window_opens(self, number, whole, increment, hold):
        stream_id = 0 if whole else self.of_peer(number)
        if stream_id is not None:
            self.send(wire.frame(8, 0, stream_id, wire.word(increment)), 0, hold)

    @rule(window=st.sampled_from([0, 1, 1000, 65_535, 200_000]), largest=st.sampled_from([16_384, 20_000]), cut=cuts)
    def settings_come(self, window, largest, cut):
        self.send(wire.frame(4, 0, 0, wire.setting(4, window) + wire.setting(5, largest)), cut, 0)

    @rule(kind=st.sampled_from(["ping", "pong", "settings", "priority", "unknown"]), hold=numbers)
    def something_small_comes(self, kind, hold):
        stream_id = self.of_peer(0) or 1
        self.send(
            {
                "ping": wire.frame(6, 0, 0, b"abcdefgh"),
                "pong": wire.frame(6, 1, 0, b"abcdefgh"),
                "settings": wire.frame(4, 1, 0),
                "priority": wire.frame(2, 0, stream_id, wire.word(0) + b"\0"),
                "unknown": wire.frame(77, 255, stream_id, b"what is it"),
            }[kind],
            0,
            hold,
        )

    @rule(last=st.integers(0, 20))
    def the_peer_takes_leave(self, last):
        self.send(wire.frame(7, 0, 0, wire.word(last) + wire.word(0)), 0, 0)
        if self.conn.role is Role.CLIENT:
            self.peer.ended |= {number for number in self.referee.streams if number > last}

    @rule(seed=seeds, cut=cuts, hold=numbers)
    def anything_comes(self, seed, cut, hold):
        self.lawful = False
        self.send(wire.join(mutate.frames(random.Random(seed))), cut, hold)

    # The owner.

    def of_owner(self, number: int):
        streams = list(self.conn.open_streams.values())
        return streams[number % len(streams)] if streams else None

    @rule(number=numbers, what=st.sampled_from(["head", "tail", "cancel", "pay", "leave"]), share=st.integers(0, 1))
    def the_owner_acts_on_a_stream(self, number, what, share):
        stream = self.of_owner(number)
        if stream is None:
            return
        match what:
            case "head":
                self.owner.head(stream, bool(share))
            case "tail":
                self.owner.tail(stream)
            case "cancel":
                self.owner.cancel(stream)
            case "pay":
                self.owner.pay(stream, share)
            case _:
                pass
        self.settle()

    @rule(number=numbers, size=st.sampled_from([0, 1, 5000, 100_000]), end=st.booleans())
    def the_owner_sends(self, number, size, end):
        stream = self.of_owner(number)
        if stream is not None:
            self.owner.body(stream, size, end)
            self.settle()

    @rule(end=st.booleans())
    def the_owner_asks(self, end):
        self.owner.ask(end)
        self.settle()

    @rule(what=st.sampled_from(["pause", "resume", "ping"]))
    def the_owner_acts_on_the_connection(self, what):
        getattr(self.conn, what)(*([b"12345678"] if what == "ping" else []))
        self.settle()

    @rule(streams=st.integers(0, 8), heavy=st.booleans())
    def the_owner_moves_the_bounds(self, streams, heavy):
        self.conn.bound(streams, 2000 if heavy else 500)
        self.settle()

    @precondition(lambda self: self.conn.role is Role.SERVER)
    @rule(soft=st.booleans())
    def the_owner_takes_leave(self, soft):
        self.owner.leave(soft)
        self.settle()

    # The laws.

    @invariant()
    def the_accounts_agree(self):
        if not hasattr(self, "conn"):
            return
        self.referee.check()
        if not self.conn.ended:
            for number, stream in self.conn.open_streams.items():
                assert stream.queued == len(self.owner.sent.get(number, b"")) - len(self.referee.streams[number].sent)

    @invariant()
    def a_lawful_peer_is_not_turned_out(self):
        if hasattr(self, "conn") and self.lawful and self.owner.failure is not None:
            assert self.owner.failure.code == ErrorCode.INTERNAL_ERROR, self.owner.failure

    @invariant()
    def nobody_gets_what_is_another_streams(self):
        if hasattr(self, "conn"):
            self.referee.check_content(self.owner.bodies, self.owner.sent)

    def teardown(self):
        if not hasattr(self, "conn"):
            return
        self.conn.resume()
        self.settle()
        self.conn.eof()
        assert self.owner.over
        assert not self.conn.open_streams
        for number in self.owner.heads.keys() - self.owner.endings.keys():
            assert number in self.owner.remote_ended, f"stream {number} never ended"


Conversation.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, phases=[Phase.explicit, Phase.generate]
)
TestAnyConversation = Conversation.TestCase
