"""Streams that end before their time, and what each end of them is told."""

import asyncio

import pytest
from front_builders import STREAM, a_backend, a_route, framed
from front_peers import echo
from front_world import until
from h2.events import StreamEnded
from oip_messages import StreamResponse, a_request, a_response

THREE = (a_route("a"), a_route("b"), a_route("c"))
silent = lambda _call, _event: None  # noqa: E731 - an engine that says nothing


def an_answer(model="engine-echo", **more):
    return StreamResponse(infer_response=a_response(model, **more))


async def two_branches(world, **options):
    """Return a client's call with a branch at each of two engine streams."""
    engine, client = await world.serve(*THREE, on_call=silent, **options)
    call = client.call(a_request("a"), a_request("b"), method=STREAM, end=False)
    return call, await engine.nth(1), await engine.nth(2)


async def test_a_cancel_reaches_every_engine(world):
    call, first, second = await two_branches(world)
    call.cancel()
    assert [(await first.gone()).reset, (await second.gone()).reset] == [8, 8]
    await world.settled()
    assert world.outcomes() == {"CANCELLED": 1}


async def test_a_streams_life_is_bounded(world):
    call, first, second = await two_branches(world, max_stream_ms=60)
    await call.done()
    assert (call.status, call.reason) == (4, "DEADLINE_EXCEEDED")
    assert [(await first.gone()).reset, (await second.gone()).reset] == [8, 8]


async def test_a_callers_deadline_ends_its_stream(world):
    engine, client = await world.serve(on_call=silent)
    call = await client.call(a_request(), method=STREAM, end=False, grpc_timeout=b"50m").done()
    assert call.reason == "DEADLINE_EXCEEDED"
    assert (await engine.calls[0].gone()).reset == 8


@pytest.mark.parametrize(("output", "reason"), [(False, "ENGINE_LOST"), (True, "STREAM_INTERRUPTED")])
async def test_a_lost_engine_ends_the_stream_and_frees_the_other_engines(world, output, reason):
    call, first, second = await two_branches(world)
    if output:
        first.reply(an_answer("engine-a"))
        await call.until(lambda: call.answers)
    first.cancel(2)
    await call.done()
    assert call.reason == reason
    assert (await second.gone()).reset == 8


async def test_a_refused_branch_is_told_as_such(world):
    call, first, second = await two_branches(world)
    first.cancel(7)
    await call.done()
    assert (call.status, call.reason) == (14, "ENGINE_REFUSED")
    assert (await second.gone()).reset == 8


async def test_an_engines_status_ends_the_stream(world):
    call, first, second = await two_branches(world)
    first.finish(3, "no %27engine-a%27")
    await call.done()
    assert (call.status, call.reason, call.message) == (3, "ENGINE_ERROR", "no 'a'")
    assert (await second.gone()).reset == 8


async def test_an_engine_that_ends_well_too_soon_interrupts_the_stream(world):
    call, first, _ = await two_branches(world)
    first.begin().finish()
    assert (await call.done()).reason == "STREAM_INTERRUPTED"


async def test_an_engine_that_ends_in_the_middle_of_a_message_interrupts_the_stream(world):
    call, first, _ = await two_branches(world)
    call.end()
    await first.done()
    first.begin().send(framed(an_answer("engine-a"))[:20]).finish()
    assert (await call.done()).reason == "STREAM_INTERRUPTED"


async def test_a_branch_that_ended_in_a_message_while_it_was_parked_interrupts_the_stream(world):
    """Nothing more comes of it: waiting for its rest would hold the stream until its deadline."""
    call, first, second = await two_branches(world)
    call.end()
    await first.done()
    await second.done()
    body = framed(an_answer("engine-a", tensor=b"x" * 100))
    first.begin().send(body[:40])
    await call.until(lambda: call.body)
    second.begin().send(framed(an_answer("engine-b", tensor=b"y" * 100))[:40]).finish()
    await asyncio.sleep(0.05)
    first.send(body[40:]).reply(an_answer("engine-a"))
    assert (await call.done()).reason == "STREAM_INTERRUPTED"


async def test_a_branch_that_ended_while_it_was_parked_is_still_heard(world):
    call, first, second = await two_branches(world)
    call.end()
    await first.done()
    await second.done()
    body = framed(an_answer("engine-a", tensor=b"x" * 100))
    first.begin().send(body[:40])
    await call.until(lambda: call.body)
    second.reply(an_answer("engine-b")).finish()
    await asyncio.sleep(0.05)
    first.send(body[40:]).finish()
    await call.done()
    assert (call.status, [a.infer_response.model_name for a in call.answers]) == (0, ["a", "b"])


@pytest.mark.parametrize(
    "message",
    [b"\x1a\x00", b"\x12\x7f", b"\x08\x01"],
    ids=["unknown field", "cut off", "scalar"],
)
async def test_what_is_no_answer_is_an_error_of_the_engine(world, message):
    call, first, _ = await two_branches(world)
    first.reply(message)
    assert (await call.done()).reason == "ENGINE_ERROR"


async def test_an_answer_above_the_bound_ends_the_stream(world):
    call, first, _ = await two_branches(world, max_response_bytes=1000)
    first.reply(an_answer(tensor=b"x" * 2000))
    assert (await call.done()).reason == "RESPONSE_TOO_LARGE"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"\0\0\0\0\x05\x0a\x04ech", "MESSAGE_MALFORMED"),
        (b"\0\0", "MESSAGE_MALFORMED"),
        (framed(b"\x0a\x7fecho"), "MESSAGE_MALFORMED"),
        (framed(b"\x0a\x01\xff"), "MESSAGE_MALFORMED"),
        (framed(a_request(), flag=1), "MESSAGE_MALFORMED"),
        (framed(a_request(tensor=b"x" * 3000)), "MESSAGE_TOO_LARGE"),
    ],
    ids=["ends within", "prefix cut", "field beyond", "no utf-8", "flag", "large"],
)
async def test_a_bad_message_ends_the_stream_and_frees_the_engines(world, body, outcome):
    engine, client = await world.serve(on_call=silent, max_request_bytes=1000)
    call = client.call(a_request(), method=STREAM, end=False)
    at_engine = await engine.nth()
    call.send(body).end()
    await call.done()
    assert (call.outcome, call.reason) == (outcome, outcome)
    assert (await at_engine.gone()).reset == 8


async def test_denied_callers_have_their_stream_ended(world):
    _, client = await world.serve(anonymous=False)
    call = await client.call(a_request(), a_request(), method=STREAM).done()
    assert (call.status, call.reason) == (16, "CALLER_UNAUTHENTICATED")
    assert not call.body


async def test_without_a_snapshot_a_stream_is_refused(world):
    call = await (await world.client()).call(a_request(), method=STREAM).done()
    assert call.reason == "SNAPSHOT_MISSING"


async def test_the_outage_of_one_pool_does_not_end_a_stream(world):
    await world.engine()
    world.activate(a_route("a"), a_route("b", a_backend("engine-b", pool="other")), pools=("main", "other"))
    client = await world.client()
    messages = [a_request(model, request_id=str(n)) for n, model in enumerate("abbab")]
    call = await client.call(*messages, method=STREAM).done()
    assert call.status == 0
    answers = {a.infer_response.id: a.error_message or a.infer_response.model_name for a in call.answers}
    assert [answers[str(n)][:20] for n in (0, 3)] == ["a", "a"]
    assert all("pool other" in answers[str(n)] for n in (1, 2, 4))
    assert world.outcomes() == {"POOL_UNAVAILABLE": 3, "OK": 1}


async def test_a_request_waits_for_its_engine_and_those_behind_it_for_the_request(world):
    await world.engine()
    other = await world.engine(pool="other", settings={3: 0})
    world.activate(a_route("a"), a_route("b", a_backend("engine-b", pool="other")), pools=("main", "other"))
    client = await world.client()
    await world.connected()
    call = client.call(a_request("b", request_id="1"), a_request("a", request_id="2"), method=STREAM)
    await asyncio.sleep(0.05)
    assert not call.body
    world.front.discover({"main": (world.engines["main"][0].address,), "other": ()})
    await call.done()
    assert (call.status, [a.infer_response.id for a in call.answers]) == (0, ["1", "2"])
    assert not other.calls


async def test_a_stream_that_is_given_up_while_it_waits_waits_no_longer(world):
    await world.engine(settings={3: 0})
    world.activate()
    call = (await world.client()).call(a_request("echo"), method=STREAM)
    (pool,) = world.front.pools.values()
    await until(lambda: pool.waiting == 1)
    call.cancel()
    await until(lambda: pool.waiting == 0)


async def test_the_share_of_a_missing_backend_is_answered_and_the_stream_goes_on(world):
    _, client = await world.serve(a_route("a"), a_route("b", a_backend("gone", resolved=False)))
    call = await client.call(a_request("b", request_id="1"), a_request("a", request_id="2"), method=STREAM).done()
    assert call.status == 0
    assert "does not exist" in call.answers[0].error_message


async def test_a_stream_may_use_so_many_models_and_no_more(world):
    routes = [a_route(f"m{number}") for number in range(65)]
    engine, client = await world.serve(*routes, on_call=silent)
    call = client.call(*[a_request(route.model) for route in routes[:64]], method=STREAM, end=False)
    await engine.nth(64)
    call.send(framed(a_request("m0")))
    call.send(framed(a_request("m64")))
    await call.done()
    assert (call.status, call.reason) == (8, "MESSAGE_TOO_LARGE")
    for stream in engine.calls:
        await stream.gone()
    assert len(engine.calls) == 64


async def test_answers_that_came_before_an_error_are_not_lost(world):
    def answer_then_fail(call, event):
        if isinstance(event, StreamEnded):
            call.reply(an_answer()).finish(13, "later")
        elif call.messages and not call.replied:
            echo(call, event)

    _, client = await world.serve(on_call=answer_then_fail)
    call = await client.call(a_request(), method=STREAM).done()
    assert (call.status, len(call.answers)) == (13, 2)


async def test_a_fault_of_the_worker_ends_that_stream_alone(world):
    engine, client = await world.serve(on_call=silent)
    other = client.call(a_request(), method=STREAM)
    at_engine = await engine.nth()
    world.front.serving.settled = world.front.serving.choose = lambda *_: 1 // 0
    world.expected_failures.append("a call failed inside the worker")
    call = await client.call(a_request(), method=STREAM).done()
    assert (call.status, call.reason) == (13, "WORKER_ERROR")
    await at_engine.done()
    at_engine.reply(an_answer()).finish()
    assert (await other.done()).status == 0
