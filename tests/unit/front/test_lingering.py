"""Calls that were given up: their engine is told to stop only where they do not end by themselves."""

import asyncio

from front_builders import STREAM, framed
from front_world import until
from h2.events import StreamEnded
from oip_messages import a_request, a_response

from fourplane_worker.front.lingering import STOPS


def silent(_call, _event):
    """Say nothing until a test does."""


async def gone(world):
    """Wait until no call is at an engine."""
    await until(lambda: not sum(e.in_flight for p in world.front.pools.values() for e in p.endpoints.values()))


async def test_a_stream_that_ends_in_a_moment_is_not_cancelled(world):
    def at_the_end(call, event):
        if isinstance(event, StreamEnded):
            call.finish()

    engine, client = await world.serve(on_call=at_the_end)
    call = client.call(a_request(), method=STREAM, end=False)
    at = await engine.nth()
    await at.until(lambda: at.messages)
    call.cancel()
    await gone(world)
    assert (at.ended, at.reset) == (True, None)
    assert world.outcomes() == {"CANCELLED": 1}


async def test_a_call_that_ends_in_a_moment_is_not_cancelled(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at = await (await engine.nth()).done()
    call.cancel()
    await world.settled()
    at.reply(a_response()).finish()
    await gone(world)
    assert at.reset is None


async def test_a_call_that_runs_on_is_cancelled(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at = await (await engine.nth()).done()
    call.cancel()
    await at.gone()
    await gone(world)


async def test_a_call_that_is_out_of_time_is_answered_at_once_and_cancelled_later(world):
    engine, client = await world.serve(on_call=silent)
    call = await client.call(a_request(), grpc_timeout=b"20m").done()
    assert call.outcome == "DEADLINE_EXCEEDED"
    assert engine.calls[0].reset is None
    await engine.calls[0].gone()


async def test_half_a_request_is_cancelled_at_once(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(framed(a_request(tensor=bytes(100_000)))[:50_000], end=False)
    at = await engine.nth()
    call.cancel()
    await at.gone()
    assert not at.ended


async def test_an_engine_that_says_much_to_nobody_is_heard_and_cancelled(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at = await (await engine.nth()).done()
    at.begin()
    pouring = asyncio.ensure_future(at.send_all(framed(a_response(tensor=bytes(2_000_000)))))
    call.cancel()
    await pouring
    await gone(world)


async def test_an_engine_that_is_lost_takes_given_up_calls_with_it(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    await (await engine.nth()).done()
    call.cancel()
    await world.settled()
    engine.hang_up()
    await gone(world)


async def test_of_a_swarm_that_was_given_up_few_are_cancelled_at_once(world):
    engine, client = await world.serve(on_call=silent)
    calls = [client.call(a_request()) for _ in range(STOPS + 40)]
    await (await engine.nth(len(calls))).done()
    for call in calls:
        call.cancel()
    await until(lambda: sum(at.reset is not None for at in engine.calls) >= STOPS)
    spared = [at for at in engine.calls if at.reset is None]
    assert spared
    for at in spared:
        at.reply(a_response()).finish()
    await gone(world)
    assert spared[-1].reset is None
