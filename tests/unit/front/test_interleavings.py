"""Whatever clients and engines do, and in whatever order: every call ends once, and nothing is left behind."""

import asyncio
import contextlib
import logging
import struct

import h2.exceptions
from front_builders import INFER, STREAM, a_backend, a_route, framed
from front_calls import CANCELLED_HERE, CONNECTION_LOST
from front_world import World
from h2.settings import SettingCodes
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oip_messages import StreamResponse, a_request, a_response

from fourplane_core.outcomes import Outcome

MODELS = ("a", "b", "nobody", "unresolved", "a")
ROUTES = (
    a_route("a"),
    a_route("b", a_backend("engine-b", pool="other")),
    a_route("unresolved", a_backend("x", resolved=False)),
)


class Play:
    """A world in which each step is one move of somebody, chosen by two numbers."""

    def __init__(self):
        self.world = World()
        self.calls = []
        self.clients = 0

    async def begin(self):
        await self.world.start()
        silent = lambda _call, _event: None  # noqa: E731
        await self.world.engine(silent, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 3})
        await self.world.engine(silent)
        await self.world.engine(silent, pool="other", settings={SettingCodes.INITIAL_WINDOW_SIZE: 100})
        self.swap(0, 0)
        await self.world.client()

    @property
    def client(self):
        return self.world.clients[-1]

    def some_call(self, which):
        return self.calls[which % len(self.calls)] if self.calls else None

    def some_stream(self, which):
        streams = [call for peer in self.world._engine_peers() if not peer.lost for call in peer.calls.values()]
        alive = [call for call in streams if call.reset is None] or streams
        return alive[which % len(alive)] if alive else None

    # Moves of clients.

    def open_unary(self, which, how):
        self._open(INFER, which, how)

    def open_stream(self, which, how):
        self._open(STREAM, which, how)

    def _open(self, method, which, how):
        message = framed(a_request(MODELS[which % len(MODELS)], tensor=bytes(which), sequence=how % 3, start=how % 2))
        size = len(message) if how % 4 else how % len(message)
        extra = {} if how % 5 else {"grpc_timeout": b"30m"}
        call = self.client.call(message[:size], method=method, end=how % 4 == 1, **{"grpc_timeout": b"400m"} | extra)
        self.calls.append(call)

    def send_more(self, which, how):
        if call := self.some_call(which):
            message = framed(a_request(MODELS[how % len(MODELS)], tensor=bytes(how)))
            call.send(message[: len(message) - how % 7])

    def half_close(self, which, _how):
        if call := self.some_call(which):
            call.end()

    def cancel(self, which, _how):
        if call := self.some_call(which):
            call.cancel()

    async def hang_up(self, which, _how):
        if which % 3 == 0:
            self.client.transport.abort()
            await self.world.client()

    # Moves of engines.

    def answer(self, which, how):
        if stream := self.some_stream(which):
            inner = a_response(tensor=bytes(how * 10))
            streams = stream.header(":path") == STREAM
            data = framed(StreamResponse(infer_response=inner) if streams else inner)
            stream.begin().send(data[: len(data) - how % 3 * 5])

    def finish(self, which, how):
        if stream := self.some_stream(which):
            stream.finish((0, 0, 3, 4)[how % 4], "why")

    def reset(self, which, how):
        if stream := self.some_stream(which):
            stream.cancel((2, 7, 0, 8)[how % 4])

    def repeat_the_end(self, which, _how):
        if stream := self.some_stream(which):
            stream.begin().finish()
            block = stream.peer.h2.encoder.encode([(b"grpc-status", b"0")])
            for _ in range(5):
                stream.peer.raw(1, 5, stream.id, block)
                stream.peer.raw(3, 0, stream.id, struct.pack(">I", 0))

    def go_away(self, which, how):
        if stream := self.some_stream(which):
            stream.peer.raw(7, 0, 0, struct.pack(">II", (stream.id, 0, 2**31 - 1)[how % 3], 0))

    def engine_hangs_up(self, which, how):
        if (stream := self.some_stream(which)) and how % 3 == 0:
            stream.peer.transport.abort()

    # Moves of the world.

    def swap(self, which, how):
        self.world.activate(*ROUTES, digest="ab"[which % 2], pools=("main", "other"))

    def discover(self, which, _how):
        engines = self.world.engines
        self.world.front.discover(
            {
                "main": tuple(engine.address for engine in engines["main"][which % 3 :]),
                "other": (engines["other"][0].address,),
            }
        )

    async def wait(self, which, _how):
        await asyncio.sleep((0, 0, 0.002, 0.01)[which % 4])

    async def step(self, move, which, how):
        with contextlib.suppress(h2.exceptions.ProtocolError):
            done = getattr(self, move)(which, how)
            if done is not None:
                await done
        if how % 2:
            await asyncio.sleep(0)

    async def end(self):
        """Wait for what is left of every call; its deadline is near."""
        for call in self.calls:
            await call.done()
        await self.world.settled()
        await self.world.stop()


MOVES = sorted(
    name
    for name in vars(Play)
    if not name.startswith("_") and name not in ("begin", "end", "step", "client", "some_call", "some_stream")
)
steps = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=40)


class Failures(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.said = []

    def emit(self, record):
        self.said.append(self.format(record))


async def play(moves):
    it = Play()
    await it.begin()
    for move, which, how in moves:
        await it.step(move, which, how)
    await it.end()
    return it


@given(steps)
@settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_call_ends_once_and_nothing_is_left(moves):
    failures = Failures()
    logging.getLogger().addHandler(failures)
    try:
        it = asyncio.run(play(moves))
    finally:
        logging.getLogger().removeHandler(failures)
    assert failures.said == []
    assert it.world.left_over() == {}
    assert it.world.violations() == []
    for call in it.calls:
        if call.ended:
            assert call.outcome in Outcome.__members__
            assert (call.status == 0) == (call.outcome == "OK")
        else:
            assert call.reset in (CANCELLED_HERE, CONNECTION_LOST)
