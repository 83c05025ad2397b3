"""ModelInfer between a client and an engine."""

import pytest
from front_builders import INFER, a_backend, a_digest, a_route, framed
from oip_messages import a_request, a_response

from fourplane_wire.oip import request_suffix


async def test_a_request_reaches_its_engine_and_is_answered_under_the_public_name(world):
    engine, client = await world.serve(a_route("echo", a_backend("engine-echo", version="7")))
    call = await client.call(a_request("echo", request_id="r1", tensor=b"tensor")).done()
    assert (call.status, call.outcome) == (0, "OK")
    (response,) = call.responses
    assert (response.model_name, response.id, response.raw_output_contents) == ("echo", "r1", [b"tensor"])
    (request,) = engine.calls[0].requests
    assert (request.model_name, request.model_version, request.id) == ("engine-echo", "7", "r1")


async def test_name_and_version_are_appended_even_where_they_are_equal(world):
    engine, client = await world.serve(a_route("echo", a_backend("echo", version="1"), version="1"))
    message = a_request("echo", version="1").SerializeToString()
    await client.call(framed(message)).done()
    assert engine.calls[0].messages == [message + request_suffix("echo", "1")]


async def test_the_trailers_say_where_the_call_went(world):
    _, client = await world.serve(a_route("echo", a_backend("engine-echo", version="7")), digest="ab")
    call = await client.call(a_request()).done()
    assert {name: call.told(name) for name in ("digest", "route", "pool", "backend", "outcome")} == {
        "digest": a_digest("ab"),
        "route": "team/echo",
        "pool": "main",
        "backend": "engine-echo:7",
        "outcome": "OK",
    }


async def test_metadata_passes_both_ways_but_not_what_is_the_workers_own(world):
    def answer(call, event):
        if call.ended and not call.replied:
            call.begin((b"x-from-engine", b"1"), (b"x-fourplane-digest", b"forged"), (b"bin-bin", b"AAE"))
            call.reply(a_response()).finish(extra=[(b"x-behind", b"2"), (b"x-fourplane-outcome", b"forged")])

    engine, client = await world.serve(on_call=answer)
    call = client.call(
        a_request(),
        x_tenant=b"t",
        x_bin=b"AAEC",
        authorization=b"Bearer secret",
        cookie=b"secret",
        x_fourplane_secret=b"forged",
        traceparent=b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01",
    )
    await call.done()
    seen = dict(engine.calls[0].headers)
    assert seen[b"x-tenant"] == b"t"
    assert seen[b"x-bin"] == b"AAEC"
    assert seen[b"traceparent"].startswith(b"00-1111")
    assert not {b"authorization", b"cookie", b"x-fourplane-secret", b"user-agent"} & set(seen)
    assert call.header("x-from-engine") == b"1"
    assert call.header("bin-bin") == b"AAE"
    assert call.header("x-fourplane-digest") is None
    assert call.trailers[b"x-behind"] == b"2"
    assert call.outcome == "OK"


async def test_the_engines_deadline_is_a_second_behind_what_is_left_of_the_callers(world):
    engine, client = await world.serve()
    await client.call(a_request(), grpc_timeout=b"10S").done()
    timeout = engine.calls[0].header("grpc-timeout")
    assert timeout.endswith(b"m")
    assert 1000 < int(timeout[:-1]) <= 11_000


async def test_the_routes_deadline_caps_the_callers(world):
    engine, client = await world.serve(a_route("echo", deadline_ms=2000))
    await client.call(a_request(), grpc_timeout=b"10S").done()
    assert int(engine.calls[0].header("grpc-timeout")[:-1]) <= 3000


@pytest.mark.parametrize("step", [1, 2, 3, 7])
async def test_a_request_may_be_cut_anywhere(world, step):
    _, client = await world.serve()
    data = framed(a_request(tensor=b"x" * 40))
    call = client.call(end=False)
    for at in range(0, len(data), step):
        call.send(data[at : at + step])
    await call.end().done()
    assert call.status == 0
    assert call.responses[0].raw_output_contents == [b"x" * 40]


async def test_a_response_may_be_cut_anywhere(world):
    whole = framed(a_response(tensor=b"y" * 30))

    def in_bytes(call, event):
        if call.ended and not call.replied:
            call.begin()
            for at in range(len(whole)):
                call.send(whole[at : at + 1])
            call.finish()

    _, client = await world.serve(on_call=in_bytes)
    call = await client.call(a_request()).done()
    assert (call.status, call.responses[0].model_name) == (0, "echo")
    assert call.responses[0].raw_output_contents == [b"y" * 30]


async def test_an_empty_response_still_gets_the_public_name(world):
    _, client = await world.serve(
        on_call=lambda call, _event: call.ended and not call.replied and call.reply(b"").finish()
    )
    call = await client.call(a_request()).done()
    assert (call.status, call.responses[0].model_name) == (0, "echo")


async def test_an_empty_request_names_no_model(world):
    _, client = await world.serve()
    call = await client.call(framed(b"")).done()
    assert (call.status, call.reason) == (3, "MODEL_NAME_MISSING")


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
async def test_large_tensors_pass_whole(world, size):
    tensor = bytes(range(256)) * (size // 256) + b"z" * (size % 256)

    engine, client = await world.serve(on_call=lambda _call, _event: None)
    call = client.call(method=INFER, end=False)
    await call.send_all(framed(a_request(tensor=tensor)), end=True)
    at_engine = await engine.nth()
    await at_engine.done()
    assert at_engine.requests[0].raw_input_contents == [tensor]
    at_engine.begin()
    await at_engine.send_all(framed(a_response(tensor=tensor)))
    at_engine.finish()
    await call.done()
    assert (call.status, call.responses[0].raw_output_contents) == (0, [tensor])


async def test_a_status_of_the_engine_is_passed_on_under_the_public_name(world):
    def fail(call, event):
        if call.ended and not call.replied:
            call.finish(3, "bad input for %27engine-echo%27")

    _, client = await world.serve(on_call=fail)
    call = await client.call(a_request()).done()
    assert (call.status, call.outcome, call.reason) == (3, "ENGINE_ERROR", "ENGINE_ERROR")
    assert call.message == "bad input for 'echo'"
    assert call.told("backend") == "engine-echo"


async def test_many_calls_share_one_engine_connection(world):
    engine, client = await world.serve()
    calls = [client.call(a_request(request_id=str(number))) for number in range(50)]
    for number, call in enumerate(calls):
        await call.done()
        assert call.responses[0].id == str(number)
    assert len(engine.peers) == 1
    assert world.outcomes() == {"OK": 50}
