"""Who does not read stops the one who sends, and nobody else."""

import asyncio
import gzip
import random

import pytest
from front_builders import INFER, STREAM, framed
from front_peers import SMALL_WINDOW, echo
from h2.settings import SettingCodes
from oip_messages import StreamResponse, a_request, a_response

WINDOWS = 65_535 + (1 << 18) + (1 << 18) + (1 << 17)
"""What may lie between two ends: the receiver's window, the sender's, and what sockets and queues add."""
silent = lambda _call, _event: None  # noqa: E731 - an engine that says nothing


async def stuck(call, moved):
    """Wait until nothing moves any more, and return how far it got."""
    last = -1
    while moved() != last:
        last = moved()
        await asyncio.sleep(0.1)
    return last


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_a_client_that_does_not_read_stops_its_engine_and_no_other_call(world, method):
    engine, slow = await world.serve(on_call=silent)
    slow.credit = False
    call = slow.call(a_request(), method=method)
    at_engine = await engine.nth()
    answer = a_response(tensor=b"x" * 4_000_000)
    whole = framed(StreamResponse(infer_response=answer) if method is STREAM else answer)
    sent = 0

    async def pour():
        nonlocal sent
        at_engine.begin()
        for at in range(0, len(whole), 10_000):
            await at_engine.send_all(whole[at : at + 10_000])
            sent += 10_000

    pouring = asyncio.ensure_future(pour())
    reached = await stuck(at_engine, lambda: sent)
    assert reached <= WINDOWS
    engine.on_call, at_engine.seen = echo, 1
    for peer in engine.peers:
        peer.on_call = echo
    other = await world.client()
    quick = await other.call(a_request(tensor=b"y" * 40_000), method=method).done()
    assert (quick.status, quick.message) == (0, "")
    slow.credit = True
    call.take()
    await pouring
    at_engine.finish()
    await call.done()
    assert call.status == 0
    assert len(call.body) > 4_000_000


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_an_engine_that_does_not_read_stops_its_client_and_no_other_call(world, method):
    engine = await world.engine(silent, credit=False, settings=SMALL_WINDOW)
    world.activate()
    client = await world.client()
    call = client.call(end=False, method=method)
    whole = framed(a_request(tensor=b"x" * 4_000_000))
    sent = 0

    async def pour():
        nonlocal sent
        for at in range(0, len(whole), 10_000):
            await call.send_all(whole[at : at + 10_000])
            sent += 10_000

    pouring = asyncio.ensure_future(pour())
    at_engine = await engine.nth()
    assert await stuck(call, lambda: sent) <= WINDOWS
    other = client.call(a_request(tensor=b"y" * 100), method=method)
    second = await engine.nth(2)
    engine.peers[0].h2.increment_flow_control_window(1 << 22)
    engine.peers[0].write()
    await second.done()
    second.begin().finish()
    await other.done()
    engine.peers[0].credit = True
    at_engine.take()
    await pouring
    call.end()
    await at_engine.done()
    assert at_engine.requests[0].raw_input_contents == [b"x" * 4_000_000]
    at_engine.begin().finish()
    await call.done()


async def test_a_slow_client_does_not_make_the_worker_hold_more_than_the_windows(world):
    engine, slow = await world.serve(on_call=silent)
    slow.credit = False
    calls = [slow.call(a_request()) for _ in range(4)]
    await engine.nth(4)
    whole = framed(a_response(tensor=b"x" * 1_000_000))
    pouring = [asyncio.ensure_future(stream.begin().send_all(whole)) for stream in engine.calls]
    last = -1
    while (got := sum(len(call.body) for call in calls)) != last:
        last = got
        await asyncio.sleep(0.1)
    held = sum(stream.queued for client in world.front.clients for stream in client.conn.open_streams.values())
    assert held <= 4 * (1 << 18)
    for call in calls:
        call.cancel()
    for stream in engine.calls:
        await stream.gone()
    await asyncio.gather(*pouring)


async def test_a_client_whose_socket_is_full_stops_its_engine(world):
    """Its windows are wide open; what it leaves in the socket must not gather in the worker."""
    engine = await world.engine(silent)
    world.activate()
    client = await world.client(settings={SettingCodes.INITIAL_WINDOW_SIZE: 1 << 26})
    client.h2.increment_flow_control_window(1 << 26)
    client.write()
    call = client.call(a_request())
    at_engine = await engine.nth()
    client.transport.pause_reading()
    whole = framed(a_response(tensor=bytes(12_000_000)))
    pouring = asyncio.ensure_future(at_engine.begin().send_all(whole))
    (edge,) = world.front.clients
    await stuck(call, lambda: engine.peers[0].h2.local_flow_control_window(at_engine.id))
    assert not pouring.done()
    assert edge.transport.get_write_buffer_size() < 1 << 20
    client.transport.resume_reading()
    await pouring
    at_engine.finish()
    await call.done()
    assert (call.status, len(call.body)) == (0, len(whole) + len("..echo"))


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_a_compressed_request_above_the_window_passes(world, method):
    engine, client = await world.serve(on_call=silent)
    tensor = random.Random(5).randbytes(1_000_000)
    call = client.call(end=False, method=method, grpc_encoding=b"gzip")
    await call.send_all(framed(gzip.compress(a_request(tensor=tensor).SerializeToString()), flag=1), end=True)
    at_engine = await engine.nth()
    await at_engine.done()
    assert at_engine.requests[0].raw_input_contents == [tensor]
    at_engine.begin().finish()
    await call.done()


async def test_a_client_that_gives_up_with_unread_answers_frees_the_engine(world):
    engine, slow = await world.serve(on_call=silent)
    slow.credit = False
    call = slow.call(a_request())
    at_engine = await engine.nth()
    pouring = asyncio.ensure_future(at_engine.begin().send_all(framed(a_response(tensor=b"x" * 1_000_000))))
    await call.until(lambda: len(call.body) > 60_000)
    call.cancel()
    assert (await at_engine.gone()).reset == 8
    await pouring
