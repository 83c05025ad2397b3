"""Calls of local services: their bytes pass as they are, with the secret that proves where they come from."""

import asyncio

import pytest
from front_builders import framed
from front_peers import SMALL_WINDOW, Engine
from h2.events import StreamEnded
from oip_messages import a_request

CHECK = b"/grpc.health.v1.Health/Check"


def answer(call, event):
    if isinstance(event, StreamEnded):
        call.reply(*call.messages).finish()


@pytest.fixture
async def local(world, tmp_path):
    """Yield the local services of a world's front: an engine on a Unix socket that echoes bytes."""
    engine = Engine(answer, settings=SMALL_WINDOW)
    path = str(tmp_path / "local")
    engine._server = await asyncio.get_running_loop().create_unix_server(engine._peer, path)
    world.engines["local services"] = [engine]
    world.front.use_local(path, "a secret")
    return engine


async def test_bytes_pass_both_ways_with_the_secret(world, local):
    client = await world.client()
    call = client.call(
        b"\0\0\0\0\4four",
        method=CHECK,
        x_fourplane_secret=b"forged",
        authorization=b"t",
        x_own=b"1",
        grpc_timeout=b"9S",
    )
    await call.done()
    assert (call.status, call.messages, call.outcome) == (0, [b"four"], "OK")
    seen = local.calls[0]
    assert [value for name, value in seen.headers if name == b"x-fourplane-secret"] == [b"a secret"]
    assert seen.header("authorization") is None
    assert seen.header("x-own") == b"1"
    assert int(seen.header("grpc-timeout")[:-1]) <= 9000


async def test_the_secret_does_not_leave_for_an_engine(world, local):
    engine, client = await world.serve()
    await client.call(a_request()).done()
    assert engine.calls[0].header("x-fourplane-secret") is None


async def test_what_is_sent_before_the_services_are_connected_is_held(world, local):
    client = await world.client()
    call = client.call(method=CHECK, end=False)
    for piece in (b"\0\0\0\0", b"\6si", b"xsix"):
        call.send(piece)
    await call.end().done()
    assert (call.status, call.messages) == (0, [b"sixsix"])


async def test_without_local_services_the_call_is_refused(world):
    call = await (await world.client()).call(framed(b""), method=CHECK).done()
    assert (call.status, call.reason) == (13, "WORKER_ERROR")


@pytest.mark.parametrize("size", [0, 100_000, 1_000_000])
async def test_large_messages_pass_in_both_directions(world, local, size):
    local.on_call = lambda _call, _event: None
    client = await world.client()
    call = client.call(method=CHECK, end=False)
    sending = asyncio.ensure_future(call.send_all(framed(bytes(size)), end=True))
    there = await local.nth()
    await there.done()
    await sending
    there.begin()
    await there.send_all(there.body)
    there.finish()
    await call.done()
    assert (call.status, call.messages) == (0, [bytes(size)])


async def test_a_status_of_the_services_is_passed_on_as_it_is(world, local):
    def fail(call, event):
        if isinstance(event, StreamEnded):
            call.finish(
                5,
                "nothing%21",
                extra=[(b"grpc-status-details-bin", b"AAEC"), (b"x-fourplane-outcome", b"MODEL_NOT_FOUND")],
            )

    local.on_call = fail
    call = await (await world.client()).call(framed(b""), method=CHECK).done()
    assert (call.status, call.message, call.outcome) == (5, "nothing!", "MODEL_NOT_FOUND")
    assert call.trailers[b"grpc-status-details-bin"] == b"AAEC"


@pytest.mark.parametrize("how", ["reset", "refused", "hang up", "no status"])
async def test_services_that_break_off_are_the_workers_error(world, local, how):
    def fail(call, event):
        if isinstance(event, StreamEnded):
            match how:
                case "reset":
                    call.cancel(2)
                case "refused":
                    call.cancel(7)
                case "hang up":
                    call.peer.transport.abort()
                case _:
                    call.begin().end()

    local.on_call = fail
    call = await (await world.client()).call(framed(b""), method=CHECK).done()
    assert (call.status, call.reason) == (13, "WORKER_ERROR")


async def test_a_cancel_and_a_deadline_reach_the_services(world, local):
    local.on_call = lambda _call, _event: None
    client = await world.client()
    given_up = client.call(framed(b""), method=CHECK)
    first = await local.nth(1)
    given_up.cancel()
    assert (await first.gone()).reset == 8
    late = await client.call(framed(b""), method=CHECK, grpc_timeout=b"50m").done()
    assert late.reason == "DEADLINE_EXCEEDED"
    assert (await local.calls[1].gone()).reset == 8


async def test_a_stream_of_answers_passes_as_it_comes(world, local):
    local.on_call = lambda _call, _event: None
    client = await world.client()
    call = client.call(framed(b"x"), method=b"/grpc.health.v1.Health/Watch")
    there = await local.nth()
    for count in range(1, 4):
        there.reply(b"%d" % count)
        await call.until(lambda count=count: len(call.messages) == count)
    there.finish()
    assert (await call.done()).messages == [b"1", b"2", b"3"]
