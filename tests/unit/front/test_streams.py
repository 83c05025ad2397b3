"""ModelStreamInfer: requests of many models on one stream, and their answers."""

import asyncio
import itertools

import pytest
from front_builders import STREAM, a_backend, a_digest, a_route, framed
from front_peers import echo
from h2.events import StreamEnded
from oip_messages import StreamResponse, a_request, a_response

THREE = (a_route("a"), a_route("b"), a_route("c"))


def an_answer(model="engine-echo", **more):
    return StreamResponse(infer_response=a_response(model, **more))


def of(call):
    """Return (model, id) or the error of each answer."""
    return [(a.infer_response.model_name or a.error_message, a.infer_response.id) for a in call.answers]


async def test_requests_are_answered_in_order_under_the_public_name(world):
    engine, client = await world.serve()
    call = await client.call(*[a_request(request_id=str(n)) for n in range(5)], method=STREAM).done()
    assert (call.status, call.outcome) == (0, "OK")
    assert of(call) == [("echo", str(n)) for n in range(5)]
    assert [request.model_name for request in engine.calls[0].requests] == ["engine-echo"] * 5
    assert len(engine.calls) == 1


async def test_three_models_get_an_engine_stream_each(world):
    engine, client = await world.serve(*THREE)
    models = ["a", "b", "a", "c", "b", "c", "a"]
    messages = [a_request(model, request_id=str(n)) for n, model in enumerate(models)]
    call = await client.call(*messages, method=STREAM).done()
    assert call.status == 0
    assert sorted(of(call)) == sorted((model, str(n)) for n, model in enumerate(models))
    at_engine = {stream.requests[0].model_name: [r.id for r in stream.requests] for stream in engine.calls}
    assert at_engine == {"engine-a": ["0", "2", "6"], "engine-b": ["1", "4"], "engine-c": ["3", "5"]}
    assert all(r.model_name == s.requests[0].model_name for s in engine.calls for r in s.requests)
    assert call.told("route") == "team/a,team/b,team/c"
    assert call.told("backend") == "engine-a,engine-b,engine-c"
    assert call.told("pool") == "main"


async def test_versions_of_one_model_are_apart(world):
    engine, client = await world.serve(
        a_route("m", a_backend("em", version="1"), version="1"), a_route("m", a_backend("em", version="2"), version="2")
    )
    messages = [a_request("m", version=version) for version in ("1", "2", "1")]
    assert (await client.call(*messages, method=STREAM).done()).status == 0
    assert sorted(len(stream.requests) for stream in engine.calls) == [1, 2]


@pytest.mark.parametrize("step", [1, 3, 50])
async def test_a_stream_may_be_cut_anywhere(world, step):
    engine, client = await world.serve(*THREE)
    data = b"".join(framed(a_request(model, request_id=str(n))) for n, model in enumerate(["a", "b", "c", "a"]))
    call = client.call(method=STREAM, end=False)
    for at in range(0, len(data), step):
        call.send(data[at : at + step])
        if at % 20 == 0:
            await asyncio.sleep(0)
    await call.end().done()
    assert call.status == 0
    assert sorted(of(call)) == [("a", "0"), ("a", "3"), ("b", "1"), ("c", "2")]
    assert len(engine.calls) == 3


async def test_answers_are_never_interleaved_inside_a_message(world):
    """Each engine stream sends its message in single bytes, all of them in turn."""
    engine, client = await world.serve(*THREE, on_call=lambda _call, _event: None)
    call = client.call(*[a_request(m, request_id=m) for m in "abc"], method=STREAM)
    await engine.nth(3)
    streams = list(engine.calls)
    for stream in streams:
        await stream.done()
        stream.begin()
    bodies = [
        framed(an_answer(s.requests[0].model_name, request_id=s.requests[0].id, tensor=b"t" * 60)) * 3 for s in streams
    ]
    for number, (stream, body) in itertools.product(range(max(map(len, bodies))), zip(streams, bodies, strict=True)):
        stream.send(body[number : number + 1])
        if number % 7 == 0:
            await asyncio.sleep(0)
    for stream in streams:
        stream.finish()
    await call.done()
    assert call.status == 0
    assert sorted(of(call)) == sorted((m, m) for m in "abc" * 3)
    assert all(a.infer_response.raw_output_contents == [b"t" * 60] for a in call.answers)


async def test_a_branch_in_the_middle_of_a_message_holds_the_others_back_until_it_ends(world):
    engine, client = await world.serve(*THREE, on_call=lambda _call, _event: None)
    call = client.call(a_request("a"), a_request("b"), method=STREAM)
    slow, fast = await engine.nth(1), await engine.nth(2)
    body = framed(an_answer("engine-a", tensor=b"s" * 100))
    slow.begin().send(body[:60])
    await call.until(lambda: call.body)
    fast.reply(an_answer("engine-b")).reply(an_answer("engine-b"))
    await asyncio.sleep(0.05)
    assert len(call.answers) == 0
    slow.send(body[60:])
    await call.until(lambda: len(call.answers) == 3)
    assert [a.infer_response.model_name for a in call.answers] == ["a", "b", "b"]
    slow.finish()
    fast.finish()
    assert (await call.done()).status == 0


async def test_an_error_of_the_worker_waits_for_the_message_that_is_under_way(world):
    engine, client = await world.serve(*THREE, on_call=lambda _call, _event: None)
    call = client.call(a_request("a"), method=STREAM, end=False)
    slow = await engine.nth(1)
    body = framed(an_answer("engine-a", request_id="1", tensor=b"s" * 100))
    slow.begin().send(body[:60])
    await call.until(lambda: call.body)
    call.send(framed(a_request("nobody", request_id="2")))
    call.end()
    await slow.done()
    slow.send(body[60:]).finish()
    await call.done()
    assert (call.status, [answer.infer_response.id for answer in call.answers]) == (0, ["1", "2"])


async def test_an_unknown_model_is_answered_with_the_requests_id_and_the_stream_goes_on(world):
    engine, client = await world.serve()
    call = client.call(a_request("nobody", request_id="r7"), method=STREAM, end=False)
    await call.until(lambda: call.answers)
    (answer,) = call.answers
    assert answer.error_message.startswith("Request for unknown model: 'nobody'")
    assert answer.infer_response.id == "r7"
    call.send(framed(a_request(request_id="r8"))).end()
    await call.done()
    assert (call.status, of(call)[1:]) == (0, [("echo", "r8")])
    assert [r.id for stream in engine.calls for r in stream.requests] == ["r8"]
    assert world.outcomes() == {"MODEL_NOT_FOUND": 1, "OK": 1}


async def test_a_large_request_for_an_unknown_model_is_taken_and_answered(world):
    _, client = await world.serve()
    call = client.call(method=STREAM, end=False)
    await call.send_all(framed(a_request("nobody", request_id="r1", tensor=b"x" * 1_000_000)))
    await call.send_all(framed(a_request("echo", request_id="r2")), end=True)
    await call.done()
    assert (call.status, [answer.infer_response.id for answer in call.answers]) == (0, ["r1", "r2"])


async def test_a_stream_without_requests_ends_well(world):
    engine, client = await world.serve()
    call = await client.call(method=STREAM).done()
    assert (call.status, engine.calls) == (0, [])


async def test_an_empty_message_names_no_model(world):
    _, client = await world.serve()
    call = await client.call(framed(b"") * 2, method=STREAM).done()
    assert call.status == 0
    assert ["names no model" in answer.error_message for answer in call.answers] == [True, True]


async def test_a_half_close_reaches_every_engine_and_answers_still_come(world):
    def at_the_end(call, event):
        if isinstance(event, StreamEnded):
            echo(call, event)

    _, client = await world.serve(*THREE, on_call=at_the_end)
    call = client.call(a_request("a"), a_request("b"), method=STREAM, end=False)
    await asyncio.sleep(0.02)
    assert not call.body
    await call.end().done()
    assert (call.status, len(call.answers)) == (0, 2)


async def test_errors_of_an_engine_are_passed_on_under_the_public_name(world):
    def fail(call, event):
        if not call.replied and call.messages:
            inner = a_response(request_id="1")
            call.reply(StreamResponse(error_message="bad input for 'engine-echo'", infer_response=inner))
        if isinstance(event, StreamEnded):
            call.finish()

    _, client = await world.serve(on_call=fail)
    call = await client.call(a_request(request_id="1"), method=STREAM).done()
    (answer,) = call.answers
    assert (answer.error_message, answer.infer_response.model_name) == ("bad input for 'echo'", "echo")


@pytest.mark.parametrize("size", [0, 100, 127, 128, 16_383, 16_384, 300_000, 2_000_000])
async def test_answers_of_any_size_pass(world, size):
    engine, client = await world.serve(on_call=lambda _call, _event: None)
    call = client.call(a_request(), method=STREAM)
    stream = await engine.nth()
    await stream.done()
    stream.begin()
    answer = framed(an_answer(tensor=b"x" * size))
    await stream.send_all(answer * 2)
    stream.finish()
    await call.done()
    assert [a.infer_response.raw_output_contents for a in call.answers] == [[b"x" * size]] * 2
    assert {a.infer_response.model_name for a in call.answers} == {"echo"}


async def test_a_large_answer_with_an_error_beside_it_passes(world):
    """It can't be passed on in pieces, and is above the stream's window."""
    engine, client = await world.serve(on_call=lambda _call, _event: None)
    call = client.call(a_request(), method=STREAM)
    stream = await engine.nth()
    await stream.done()
    stream.begin()
    await stream.send_all(framed(StreamResponse(error_message="e", infer_response=a_response(tensor=b"x" * 1_000_000))))
    stream.finish()
    await call.done()
    assert (call.status, call.answers[0].error_message) == (0, "e")


async def test_many_errors_that_get_shorter_do_not_stop_a_stream(world):
    """What masking takes away was still received, and must be given back to the engine's window."""
    inner = "engine-" + "x" * 200
    engine, client = await world.serve(a_route("e", a_backend(inner)), on_call=lambda _call, _event: None)
    call = client.call(a_request("e"), method=STREAM)
    stream = await engine.nth()
    await stream.done()
    stream.begin()
    await stream.send_all(framed(StreamResponse(error_message=inner)) * 5000)
    stream.finish()
    await call.done()
    assert (call.status, len(call.messages)) == (0, 5000)


async def test_many_small_compressed_requests_do_not_stop_a_stream(world):
    """They inflate to less than they were: all that came must be given back to the client's window."""
    import gzip

    def count(call, event):
        if isinstance(event, StreamEnded):
            call.begin().finish()

    engine, client = await world.serve(on_call=count)
    raw = a_request(tensor=b"").SerializeToString()
    packed = framed(gzip.compress(raw), flag=1)
    assert len(packed) > len(raw) + 5 + len("engine-echo") + 4
    call = client.call(method=STREAM, end=False, grpc_encoding=b"gzip")
    count = 600_000 // len(packed)
    await call.send_all(packed * count, end=True)
    assert (await call.done()).status == 0
    assert len(engine.calls[0].messages) == count


async def test_the_trailers_tell_the_digest_of_every_request(world):
    _, client = await world.serve(digest="a")
    call = client.call(a_request(), method=STREAM, end=False)
    await call.until(lambda: call.answers)
    world.activate(digest="b")
    await call.send(framed(a_request())).end().done()
    assert call.told("digest") == f"{a_digest('a')},{a_digest('b')}"
    assert len(call.answers) == 2
