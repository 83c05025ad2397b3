"""Engines that answer in unusual ways: early, twice, too much, or without a status."""

import struct

import pytest
from front_builders import framed
from h2.events import StreamEnded
from oip_messages import a_request, a_response

silent = lambda _call, _event: None  # noqa: E731 - an engine that says nothing


async def test_trailers_and_resets_that_come_many_times_harm_nobody(world):
    def repeat(call, event):
        if isinstance(event, StreamEnded):
            call.reply(a_response()).finish()
            trailers = call.peer.h2.encoder.encode([(b"grpc-status", b"0")])
            for _ in range(5):
                call.peer.raw(1, 5, call.id, trailers)
                call.peer.raw(3, 0, call.id, struct.pack(">I", 0))

    engine, client = await world.serve(on_call=repeat)
    for _ in range(50):
        call = await client.call(a_request()).done()
        assert (call.status, len(call.messages)) == (0, 1)
    assert len(engine.peers) == 1


async def test_an_answer_may_be_trailers_only(world):
    _, client = await world.serve(on_call=lambda call, _event: call.ended and call.finish(5, "no such model"))
    call = await client.call(a_request()).done()
    assert (call.status, call.outcome, call.message) == (5, "ENGINE_ERROR", "no such model")
    assert not call.body


@pytest.mark.parametrize("resets", [True, False])
async def test_an_answer_may_come_before_the_request_has_ended(world, resets):
    def early(call, _event):
        if not call.trailers and call.body and not call.replied:
            call.begin().finish(8, "enough")
            if resets:
                call.cancel(0)

    _, client = await world.serve(on_call=early)
    call = client.call(end=False)
    await call.send_all(framed(a_request(tensor=b"x" * 3_000_000)))
    await call.done()
    assert (call.status, call.message) == (8, "enough")
    await world.settled()


async def test_an_engine_that_ends_without_a_status_is_an_error(world):
    _, client = await world.serve(
        on_call=lambda call, _event: call.ended and not call.replied and call.reply(a_response()).end()
    )
    assert (await client.call(a_request()).done()).reason == "ENGINE_ERROR"


@pytest.mark.parametrize("status", [b"abc", b"", b"-1", b"12345"])
async def test_a_status_that_is_no_number_is_an_error(world, status):
    def fail(call, event):
        if call.ended and not call.replied:
            call.reply(a_response())
            call.peer.h2.send_headers(call.id, [(b"grpc-status", status)], end_stream=True)
            call.peer.write()

    _, client = await world.serve(on_call=fail)
    call = await client.call(a_request()).done()
    assert (call.status, call.reason) == (13, "ENGINE_ERROR")


async def test_a_response_that_is_cut_off_is_not_ok(world):
    _, client = await world.serve(
        on_call=lambda call, _event: (
            call.ended and not call.replied and call.begin().send(framed(a_response())[:9]).finish()
        )
    )
    assert (await client.call(a_request()).done()).reason == "STREAM_INTERRUPTED"


async def test_a_response_above_the_bound_is_refused(world):
    engine, client = await world.serve(
        on_call=lambda call, _event: call.ended and not call.replied and call.reply(a_response(tensor=b"x" * 2000)),
        max_response_bytes=1000,
    )
    call = await client.call(a_request()).done()
    assert (call.status, call.reason) == (8, "RESPONSE_TOO_LARGE")
    assert (await engine.calls[0].gone()).reset == 8


async def test_a_compressed_response_is_an_error_of_the_engine(world):
    _, client = await world.serve(
        on_call=lambda call, _event: call.ended and not call.replied and call.begin().send(framed(a_response(), flag=1))
    )
    assert (await client.call(a_request()).done()).reason == "ENGINE_ERROR"


@pytest.mark.parametrize("where", ["head", "trailers"])
async def test_metadata_of_an_engine_that_is_too_large_ends_the_call(world, where):
    large = [(b"x-large-%d" % number, b"x" * 20_000) for number in range(4)]

    def answer(call, event):
        if call.ended and not call.replied:
            call.begin(*(large if where == "head" else ())).finish(0, extra=large if where == "trailers" else ())

    engine, client = await world.serve(on_call=answer)
    call = await client.call(a_request()).done()
    assert call.status in (10, 14)
    assert call.reason in ("ENGINE_LOST", "STREAM_INTERRUPTED")
    assert (await client.call(a_request("nobody")).done()).status == 5
    assert len(engine.peers) == 1


async def test_a_long_message_of_an_engine_leaves_trailers_that_clients_take(world):
    _, client = await world.serve(on_call=lambda call, _event: call.ended and call.finish(3, "e" * 20_000))
    call = await client.call(a_request()).done()
    assert (call.status, call.reason) == (3, "ENGINE_ERROR")
    assert sum(len(name) + len(value) + 32 for name, value in call.trailers.items()) < 8192


async def test_calls_above_an_engines_bound_wait_for_those_before(world):
    engine = await world.engine(silent, settings={3: 2})
    world.activate()
    client = await world.client()
    calls = [client.call(a_request()) for _ in range(6)]
    for number in range(1, 7):
        at_engine = await engine.nth(number)
        at_engine.reply(a_response()).finish()
    for call in calls:
        assert (await call.done()).status == 0
    assert len(engine.peers) == 1


async def test_an_engine_that_names_no_bound_takes_any_number_of_calls(world):
    engine = await world.engine(silent)
    world.activate()
    client = await world.client()
    calls = [client.call(a_request()) for _ in range(300)]
    await engine.nth(300)
    for at_engine in engine.calls:
        at_engine.reply(a_response()).finish()
    for call in calls:
        assert (await call.done()).status == 0


async def test_a_fault_of_the_worker_ends_that_call_alone(world):
    engine, client = await world.serve(on_call=silent)
    other = client.call(a_request())
    at_engine = await engine.nth()
    world.front.serving.settled = lambda _scan: 1 // 0
    world.expected_failures.append("a call failed inside the worker")
    call = await client.call(a_request()).done()
    assert (call.status, call.reason) == (13, "WORKER_ERROR")
    at_engine.reply(a_response()).finish()
    assert (await other.done()).status == 0
