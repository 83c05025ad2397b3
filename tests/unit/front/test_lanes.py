"""Requests of plain models on a stream: each is a call of its own, and the stream shows nothing of that."""

import asyncio

import pytest
from front_builders import STREAM, a_backend, a_route, framed
from front_world import until
from oip_messages import a_request, a_response

from fourplane_worker.front.lane import MAX_CALLS


def silent(_call, _event):
    """Say nothing until a test does."""


def ids(call):
    return [answer.infer_response.id for answer in call.answers]


def reply(at_engine, **more):
    """Answer a call at the engine as its request asks."""
    (asked,) = at_engine.requests
    at_engine.reply(a_response(asked.model_name, request_id=asked.id, **more)).finish()


async def test_every_request_is_a_call_and_the_answers_come_in_their_order(world):
    engine, client = await world.serve(decoupled=())
    call = await client.call(*[a_request(request_id=str(n)) for n in range(5)], method=STREAM).done()
    assert (call.status, ids(call)) == (0, ["0", "1", "2", "3", "4"])
    assert {at.header(":path") for at in engine.calls} == {b"/inference.GRPCInferenceService/ModelInfer"}
    assert [at.requests[0].model_name for at in engine.calls] == ["engine-echo"] * 5
    for answer in call.answers:
        assert answer.infer_response.model_name == "echo"
        assert answer.infer_response.parameters["triton_final_response"].bool_param is True


async def test_an_answer_that_comes_early_waits_for_those_before(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(*[a_request(request_id=str(n)) for n in range(3)], method=STREAM)
    first, second, third = [await (await engine.nth(n)).done() for n in (1, 2, 3)]
    reply(third)
    reply(second)
    await asyncio.sleep(0.05)
    assert call.answers == []
    reply(first)
    await call.done()
    assert (call.status, ids(call)) == (0, ["0", "1", "2"])


async def test_an_error_answers_its_request_alone_in_its_turn(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(*[a_request(request_id=str(n)) for n in range(3)], method=STREAM)
    first, second, third = [await (await engine.nth(n)).done() for n in (1, 2, 3)]
    second.finish(3, "engine-echo does not like this")
    reply(third)
    reply(first)
    await call.done()
    assert (call.status, ids(call)) == (0, ["0", "1", "2"])
    assert [answer.error_message for answer in call.answers] == ["", "echo does not like this", ""]


async def test_large_answers_are_put_out_one_after_the_other(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(*[a_request(request_id=str(n)) for n in range(3)], method=STREAM)
    sending = []
    for number in (1, 2, 3):
        at = await (await engine.nth(number)).done()
        whole = framed(a_response(request_id=at.requests[0].id, tensor=bytes([number]) * 700_000))
        sending.append(at.begin().send_all(whole))

    async def send(pour, number):
        await pour
        engine.calls[number].finish()

    await asyncio.gather(*(send(pour, number) for number, pour in enumerate(sending)))
    await call.done()
    assert (call.status, ids(call)) == (0, ["0", "1", "2"])
    assert [a.infer_response.raw_output_contents for a in call.answers] == [[bytes([n]) * 700_000] for n in (1, 2, 3)]


async def test_a_request_of_a_sequence_waits_for_the_one_before(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    steps = [a_request(request_id=str(n), sequence=7, start=n == 0, end=n == 2) for n in range(3)]
    call = client.call(*steps, method=STREAM)
    for number in (1, 2, 3):
        at = await (await engine.nth(number)).done()
        await asyncio.sleep(0.02)
        assert len(engine.calls) == number
        reply(at)
    await call.done()
    assert (call.status, ids(call)) == (0, ["0", "1", "2"])


async def test_no_more_calls_are_under_way_than_allowed(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(*[a_request(request_id=str(n)) for n in range(MAX_CALLS + 3)], method=STREAM)
    await engine.nth(MAX_CALLS)
    await asyncio.sleep(0.05)
    assert len(engine.calls) == MAX_CALLS
    for number in range(MAX_CALLS + 3):
        reply(await (await engine.nth(number + 1)).done())
    await call.done()
    assert (call.status, ids(call)) == (0, [str(n) for n in range(MAX_CALLS + 3)])


async def test_plain_and_decoupled_models_share_a_stream_and_no_engine_stream(world):
    routes = (a_route("a"), a_route("b"))
    engine, client = await world.serve(*routes, decoupled={"engine-b"})
    messages = [a_request("ab"[n % 2], request_id=str(n)) for n in range(20)]
    call = await client.call(*messages, method=STREAM).done()
    assert call.status == 0
    assert sorted(ids(call), key=int) == [str(n) for n in range(20)]
    assert [n for n in ids(call) if int(n) % 2 == 0] == [str(n) for n in range(0, 20, 2)]
    streams = [at for at in engine.calls if at.header(":path") == STREAM]
    assert [len(at.requests) for at in streams] == [10] and len(engine.calls) == 11


async def test_a_client_that_gives_up_cancels_every_call(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(a_request(), a_request(), method=STREAM, end=False)
    first, second = await engine.nth(1), await engine.nth(2)
    call.cancel()
    await first.gone()
    await second.gone()
    await world.settled()
    assert world.outcomes() == {"CANCELLED": 1}


@pytest.mark.parametrize(("answered", "reason"), [(0, "ENGINE_LOST"), (1, "STREAM_INTERRUPTED")])
async def test_an_engine_that_is_lost_ends_the_stream(world, answered, reason):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(a_request(), a_request(), method=STREAM, end=False)
    first, _ = await (await engine.nth(1)).done(), await (await engine.nth(2)).done()
    if answered:
        reply(first)
        await call.until(lambda: call.answers)
    engine.hang_up()
    await call.done()
    assert (call.reason, len(call.answers)) == (reason, answered)


async def test_a_deadline_that_the_engine_notices_ends_the_stream(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(a_request(), method=STREAM, end=False)
    (await (await engine.nth(1)).done()).finish(4, "Deadline Exceeded")
    await call.done()
    assert (call.status, call.outcome) == (4, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [(b"", 0, "STREAM_INTERRUPTED"), (framed(a_response())[:-1], 0, "STREAM_INTERRUPTED"), (b"", None, "ENGINE_ERROR")],
)
async def test_an_answer_that_is_not_whole_ends_the_stream(world, body, status, reason):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(a_request(), method=STREAM, end=False)
    at = await (await engine.nth(1)).done()
    at.begin()
    if body:
        at.send(body)
    if status is None:
        at.end()
    else:
        at.finish(status)
    await call.done()
    assert call.reason == reason


async def test_an_engine_may_answer_before_it_has_the_whole_request(world):
    engine, client = await world.serve(decoupled=(), on_call=silent)
    call = client.call(method=STREAM, end=False)
    whole = framed(a_request(request_id="large", tensor=bytes(400_000)))
    await call.send_all(whole[:200_000])
    (await engine.nth(1)).finish(3, "too large")
    await call.send_all(whole[200_000:])
    call.send(framed(a_request(request_id="next"))).end()
    reply(await (await engine.nth(2)).done())
    await call.done()
    assert (call.status, ids(call)) == (0, ["large", "next"])


@pytest.mark.parametrize("decoupled", [(), {"engine-echo"}])
async def test_a_large_first_request_outlives_the_wait_for_its_engine(world, decoupled):
    """All that the client's window allows has come before there is an engine: nothing else wakes the stream."""
    engine = await world.engine()
    await engine.stop()
    world.activate(decoupled=decoupled)
    client = await world.client()
    call = client.call(method=STREAM, end=False)
    sending = asyncio.ensure_future(call.send_all(framed(a_request(tensor=bytes(1_000_000))), end=True))
    await asyncio.sleep(0)
    await sending
    await call.done()
    assert call.status == 0


async def test_requests_go_on_at_another_endpoint_when_one_leaves(world):
    first = await world.engine()
    engine, client = await world.serve(decoupled=())
    await world.connected(2)
    call = client.call(a_request(request_id="0"), method=STREAM, end=False)
    await call.until(lambda: call.answers)
    await first.stop()
    await until(lambda: world.endpoints_ready() == 1)
    call.send(framed(a_request(request_id="1"))).end()
    await call.done()
    assert (call.status, ids(call)) == (0, ["0", "1"])
    assert [at.requests[0].id for at in engine.calls][-1] == "1"


async def test_weights_are_drawn_for_each_request(world):
    engine, client = await world.serve(a_route("echo", a_backend("one"), a_backend("two")), decoupled=())
    call = await client.call(*[a_request(request_id=str(n)) for n in range(60)], method=STREAM).done()
    assert call.status == 0 and sorted(map(int, ids(call))) == list(range(60))
    assert {at.requests[0].model_name for at in engine.calls} == {"one", "two"}
