"""Engines that fail, hang up, refuse, or end calls in unusual ways."""

import struct

import pytest
from front_builders import framed
from h2.events import StreamEnded
from oip_messages import a_request, a_response

REFUSED_STREAM = 7
silent = lambda _call, _event: None  # noqa: E731 - an engine that says nothing


async def test_a_deadline_that_passes_is_typed_and_reaches_the_engine(world):
    engine, client = await world.serve(on_call=silent)
    call = await client.call(a_request(), grpc_timeout=b"50m").done()
    assert (call.status, call.reason) == (4, "DEADLINE_EXCEEDED")
    assert (await engine.calls[0].gone()).reset == 8
    assert world.outcomes() == {"DEADLINE_EXCEEDED": 1}


async def test_a_deadline_counts_the_wait_for_an_engine(world):
    engine = await world.engine(settings={3: 0})
    world.activate()
    client = await world.client()
    call = await client.call(a_request(), grpc_timeout=b"50m").done()
    assert call.reason == "DEADLINE_EXCEEDED"
    assert not engine.calls


async def test_a_deadline_ends_a_call_whose_client_reads_nothing(world):
    _, client = await world.serve(
        on_call=lambda call, _event: call.ended and not call.replied and call.reply(a_response(tensor=b"x" * 60_000))
    )
    client.credit = False
    first = client.call(a_request(), grpc_timeout=b"10S")
    await first.until(lambda: len(first.body) > 60_000)
    call = await client.call(a_request(), grpc_timeout=b"50m").done()
    assert call.outcome == "DEADLINE_EXCEEDED"
    first.cancel()


async def test_a_clients_reset_reaches_the_engine(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at_engine = await engine.nth()
    call.cancel()
    assert (await at_engine.gone()).reset == 8
    await world.settled()
    assert world.outcomes() == {"CANCELLED": 1}


async def test_a_client_that_hangs_up_cancels_its_calls(world):
    engine, client = await world.serve(on_call=silent)
    client.call(a_request())
    client.call(a_request())
    first, second = await engine.nth(1), await engine.nth(2)
    client.transport.abort()
    assert [(await first.gone()).reset, (await second.gone()).reset] == [8, 8]
    await world.settled()
    assert world.outcomes() == {"CANCELLED": 2}


async def test_a_lost_connection_before_any_output_is_engine_lost_and_not_tried_again(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    await engine.nth()
    engine.hang_up()
    await call.done()
    assert (call.status, call.reason, call.retry_info) == (14, "ENGINE_LOST", None)
    assert len(engine.calls) == 1


async def test_a_lost_connection_after_output_is_an_interrupted_stream(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at_engine = await engine.nth()
    at_engine.begin().send(framed(a_response())[:20])
    await call.until(lambda: call.body)
    engine.hang_up()
    await call.done()
    assert (call.status, call.reason) == (10, "STREAM_INTERRUPTED")


async def test_an_engines_reset_is_engine_lost(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    (await engine.nth()).cancel(2)
    assert (await call.done()).reason == "ENGINE_LOST"


async def test_the_connection_is_made_anew_after_a_loss(world):
    engine, client = await world.serve()
    await client.call(a_request()).done()
    engine.hang_up()
    await client.until(lambda: len(engine.peers) == 2)
    call = await client.call(a_request()).done()
    assert call.status == 0
    assert len(engine.peers) == 2


@pytest.mark.parametrize("by", ["reset", "goaway"])
async def test_a_refused_request_is_tried_once_more_on_another_endpoint(world, by):
    def refuse(call, event):
        if isinstance(event, StreamEnded):
            if by == "reset":
                call.cancel(REFUSED_STREAM)
            else:
                call.peer.raw(7, 0, 0, struct.pack(">II", call.id - 2 if call.id > 1 else 0, 0))

    refusing, good = await world.engine(refuse), await world.engine()
    world.activate()
    client = await world.client()
    await world.connected(2)
    for _ in range(20):
        call = await client.call(a_request()).done()
        assert call.status == 0
    assert len(good.calls) == 20
    assert refusing.calls


async def test_a_request_that_every_engine_refuses_is_refused_and_may_be_tried_again(world):
    engine, client = await world.serve(
        on_call=lambda call, event: isinstance(event, StreamEnded) and call.cancel(REFUSED_STREAM)
    )
    call = await client.call(a_request()).done()
    assert (call.status, call.reason) == (14, "ENGINE_REFUSED")
    assert call.retry_info is not None
    assert len(engine.calls) == 2


async def test_a_request_that_was_refused_by_goaway_waits_for_the_next_connection(world):
    def refuse_once(call, event):
        if isinstance(event, StreamEnded):
            if len(engine.peers) == 1:
                call.peer.raw(7, 0, 0, struct.pack(">II", 0, 0))
            else:
                call.reply(a_response()).finish()

    engine, client = await world.serve(on_call=refuse_once)
    call = await client.call(a_request()).done()
    assert (call.status, len(engine.peers)) == (0, 2)


async def test_calls_below_a_goaway_go_on(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at_engine = await engine.nth()
    at_engine.peer.raw(7, 0, 0, struct.pack(">II", at_engine.id, 0))
    later = client.call(a_request())
    again = await engine.nth(2)
    assert again.peer is not at_engine.peer
    for one in (at_engine, again):
        one.reply(a_response()).finish()
    assert [(await call.done()).status, (await later.done()).status] == [0, 0]


async def test_a_refused_request_in_a_sequence_is_not_tried_again(world):
    engine, client = await world.serve(
        on_call=lambda call, event: isinstance(event, StreamEnded) and call.cancel(REFUSED_STREAM)
    )
    call = await client.call(a_request(sequence=5, start=True)).done()
    assert (call.reason, len(engine.calls)) == ("ENGINE_REFUSED", 1)


async def test_a_request_above_the_kept_size_is_not_tried_again(world):
    engine, client = await world.serve(
        on_call=lambda call, event: isinstance(event, StreamEnded) and call.cancel(REFUSED_STREAM)
    )
    call = client.call(end=False)
    await call.send_all(framed(a_request(tensor=b"x" * 100_000)), end=True)
    await call.done()
    assert (call.reason, len(engine.calls)) == ("ENGINE_REFUSED", 1)


async def test_a_refusal_after_a_head_is_no_refusal(world):
    engine, client = await world.serve(on_call=silent)
    call = client.call(a_request())
    at_engine = await engine.nth()
    at_engine.begin()
    await call.until(lambda: call.headers)
    at_engine.cancel(REFUSED_STREAM)
    await call.done()
    assert (call.reason, len(engine.calls)) == ("STREAM_INTERRUPTED", 1)
