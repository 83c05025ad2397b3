"""What is refused before an engine hears of it, and how."""

import asyncio
import gzip
import zlib

import pytest
from front_builders import INFER, STREAM, a_backend, a_digest, a_planner, a_route, framed
from oip_messages import a_request, a_response


async def refused(client, *messages, **options):
    call = await client.call(*messages, **options).done()
    assert call.reset is None
    assert call.reason == call.outcome
    return call


async def test_without_a_snapshot_every_request_is_refused_and_may_be_tried_again(world):
    client = await world.client()
    call = await refused(client, a_request())
    assert (call.status, call.outcome) == (14, "SNAPSHOT_MISSING")
    assert call.retry_info.retry_delay.seconds == 1


async def test_an_unknown_model_is_not_found(world):
    engine, client = await world.serve(digest="ab")
    call = await refused(client, a_request("nobody"))
    assert (call.status, call.outcome) == (5, "MODEL_NOT_FOUND")
    assert call.message.startswith("Request for unknown model: 'nobody'")
    assert call.told("digest") == a_digest("ab")
    assert call.retry_info is None
    assert not engine.calls


@pytest.mark.parametrize("name", ["echo\0x", "engine-echo", "ECHO", "echo ", "e" * 4000, "ÿ", "echo\n"])
async def test_only_the_very_name_of_a_route_is_served(world, name):
    engine, client = await world.serve()
    assert (await refused(client, a_request(name))).outcome == "MODEL_NOT_FOUND"
    assert not engine.calls


async def test_an_unknown_version_is_not_found(world):
    _, client = await world.serve()
    assert (await refused(client, a_request("echo", version="9"))).outcome == "MODEL_NOT_FOUND"


async def test_anonymous_callers_are_refused_where_they_are_denied(world):
    engine, client = await world.serve(anonymous=False)
    call = await refused(client, a_request())
    assert (call.status, call.outcome) == (16, "CALLER_UNAUTHENTICATED")
    assert not engine.calls


async def test_the_share_of_a_backend_that_does_not_exist_errors(world):
    engine, client = await world.serve(a_route("echo", a_backend("gone", resolved=False)))
    call = await refused(client, a_request())
    assert (call.status, call.outcome, call.retry_info) == (14, "BACKEND_UNRESOLVED", None)
    assert not engine.calls


async def test_a_pool_without_endpoints_says_so_and_may_be_tried_again(world):
    world.activate()
    client = await world.client()
    call = await refused(client, a_request())
    assert (call.status, call.outcome) == (14, "POOL_UNAVAILABLE")
    assert call.retry_info.retry_delay.seconds == 1
    assert call.detail(type(call.details)) is None
    assert call.told("pool") == "main"


async def test_an_engine_that_is_down_makes_its_pool_unavailable(world):
    engine = await world.engine()
    engine._server.close()
    world.activate()
    call = await refused(await world.client(), a_request())
    assert call.outcome == "POOL_UNAVAILABLE"


async def test_a_request_waits_for_an_engine_that_is_being_connected(world):
    world.front.activate(a_planner())
    engine = await world.engine()
    client = await world.client()
    world.activate()
    call = await client.call(a_request()).done()
    assert (call.status, len(engine.calls)) == (0, 1)


async def test_an_engine_that_appears_later_is_used(world):
    engine = await world.engine()
    port = engine.port
    await engine.stop()
    world.activate()
    client = await world.client()
    assert (await refused(client, a_request())).outcome == "POOL_UNAVAILABLE"
    late = await world.engine(port=port)
    async with asyncio.timeout(10):
        await world.connected()
        assert (await client.call(a_request()).done()).status == 0
    assert late.calls


async def test_a_request_above_the_bound_is_refused_by_its_prefix(world):
    engine, client = await world.serve(max_request_bytes=100)
    call = await refused(client, framed(a_request(tensor=b"x" * 200))[:20], end=False)
    assert (call.status, call.outcome) == (8, "MESSAGE_TOO_LARGE")
    assert "maxRequestBytes" in call.message
    await call.until(lambda: call.stopped == 0)
    assert not engine.calls


async def test_metadata_above_the_bound_is_refused(world):
    engine, client = await world.serve(max_metadata_bytes=8192)
    call = await refused(client, a_request(), end=False, x_large=b"x" * 9000)
    assert (call.status, call.outcome) == (8, "METADATA_TOO_LARGE")
    assert not engine.calls
    assert (await client.call(a_request()).done()).status == 0


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        ({"x_bin": b"not base64!"}, "METADATA_MALFORMED"),
        ({"x_text": b"\xff"}, "METADATA_MALFORMED"),
        ({"grpc_timeout": b"-1S"}, "DEADLINE_MALFORMED"),
        ({"grpc_timeout": b"123456789S"}, "DEADLINE_MALFORMED"),
        ({"grpc_encoding": b"snappy"}, "ENCODING_UNSUPPORTED"),
    ],
)
async def test_metadata_that_cannot_be_served_is_refused(world, metadata, outcome):
    engine, client = await world.serve()
    assert (await refused(client, a_request(), **metadata)).outcome == outcome
    assert not engine.calls


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"\0\0\0\0\x05\x0a\x04ech", "MESSAGE_MALFORMED"),
        (b"\0\0\0", "MESSAGE_MALFORMED"),
        (b"", "MESSAGE_MALFORMED"),
        (framed(b"\x0a\x7fecho"), "MESSAGE_MALFORMED"),
        (framed(b"\x0b\x0c"), "MESSAGE_MALFORMED"),
        (framed(b"\x0a\x01\xff"), "MESSAGE_MALFORMED"),
        (framed(a_request(), flag=1), "MESSAGE_MALFORMED"),
        (framed(a_request(), flag=2), "MESSAGE_MALFORMED"),
        (framed(a_request()) * 2, "MESSAGE_MALFORMED"),
        (framed(a_request()) + b"\0", "MESSAGE_MALFORMED"),
        (framed(b"\x3a\x80\x80\x40" + b"x" * (1 << 20)), "MESSAGE_MALFORMED"),
    ],
    ids=[
        "ends within", "prefix cut", "nothing", "field beyond", "group", "no utf-8", "flag", "bad flag", "two",
        "one more byte", "no model",
    ],
)  # fmt: skip
async def test_what_is_no_single_request_is_refused(world, body, outcome):
    _, client = await world.serve()
    call = client.call(end=False)
    await call.send_all(body, end=True) if len(body) < 60_000 else await call.send_all(body)
    await call.done()
    assert (call.status, call.outcome) == (3, outcome)


async def test_a_second_message_in_a_frame_of_its_own_ends_the_call(world):
    _, client = await world.serve(on_call=lambda _call, _event: None)
    call = client.call(a_request(), end=False)
    await asyncio.sleep(0)
    call.send(framed(a_request()))
    assert (await call.done()).outcome == "MESSAGE_MALFORMED"


@pytest.mark.parametrize("cuts", [1, 5, 1000])
@pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
async def test_a_compressed_request_reaches_the_engine_plain(world, encoding, pack, cuts):
    engine, client = await world.serve()
    data = framed(pack(a_request(tensor=b"z" * 5000).SerializeToString()), flag=1)
    call = client.call(end=False, grpc_encoding=encoding)
    for at in range(0, len(data), cuts):
        call.send(data[at : at + cuts])
    await call.end().done()
    assert call.status == 0
    assert engine.calls[0].requests[0].raw_input_contents == [b"z" * 5000]
    assert engine.calls[0].header("grpc-encoding") is None


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (gzip.compress(bytes(300_000)), "MESSAGE_TOO_LARGE"),
        (gzip.compress(a_request().SerializeToString())[:-3], "MESSAGE_MALFORMED"),
        (gzip.compress(a_request().SerializeToString()) + b"more", "MESSAGE_MALFORMED"),
        (gzip.compress(a_request().SerializeToString()) * 2, "MESSAGE_MALFORMED"),
        (b"not gzip", "MESSAGE_MALFORMED"),
        (b"", "MESSAGE_MALFORMED"),
    ],
    ids=["bomb", "cut off", "garbage behind", "two members", "not gzip", "empty"],
)
async def test_bad_compression_is_refused(world, body, outcome):
    engine, client = await world.serve(max_request_bytes=200_000)
    call = await refused(client, framed(body, flag=1), grpc_encoding=b"gzip")
    assert call.outcome == outcome
    assert not engine.calls


@pytest.mark.parametrize(
    ("method", "code", "outcome"),
    [
        (b"/inference.GRPCInferenceService/RepositoryModelLoad", 7, "ADMINISTRATION_REFUSED"),
        (b"/inference.GRPCInferenceService/SystemSharedMemoryRegister", 7, "ADMINISTRATION_REFUSED"),
        (b"/inference.GRPCInferenceService/Nothing", 12, "METHOD_NOT_SERVED"),
        (b"/x\xff\x0b%", 12, "METHOD_NOT_SERVED"),
        (b"/", 12, "METHOD_NOT_SERVED"),
        (INFER + b"/", 12, "METHOD_NOT_SERVED"),
    ],
)
async def test_methods_that_are_not_served_are_refused(world, method, code, outcome):
    engine, client = await world.serve()
    call = await refused(client, a_request(), method=method)
    assert (call.status, call.outcome) == (code, outcome)
    assert not engine.calls


async def test_the_header_that_makes_engines_fail_is_refused_on_streams(world):
    _, client = await world.serve()
    call = await refused(client, method=STREAM, extra=[(b"triton_grpc_error", b"true")])
    assert call.outcome == "METADATA_MALFORMED"


@pytest.mark.parametrize(
    ("method", "content", "status"),
    [
        (b"GET", b"application/grpc", b"405"),
        (b"POST", b"application/json", b"415"),
        (b"POST", b"application/grpc-web", b"415"),
    ],
)
async def test_what_is_not_grpc_gets_an_http_answer(world, method, content, status):
    client = await world.client()
    head = [(b":method", method), (b":scheme", b"http"), (b":path", INFER), (b"content-type", content)]
    call = await client.call(head=head).done()
    assert call.header(":status") == status
    assert b"gRPC" in call.body


async def test_a_draining_worker_takes_no_calls_and_ends_those_in_flight(world):
    engine, client = await world.serve(on_call=lambda _call, _event: None)
    call = client.call(a_request())
    at_engine = await engine.nth()
    draining = asyncio.ensure_future(world.front.drain(10))
    await client.until(lambda: client.goaway is not None)
    at_engine.reply(a_response()).finish()
    await call.done()
    assert call.status == 0
    await draining
    await client.until(lambda: client.lost)


async def test_a_connection_that_comes_while_draining_is_told_to_go_elsewhere(world):
    _, client = await world.serve()
    world.front.draining = True
    call = await refused(client, a_request())
    assert (call.status, call.outcome) == (14, "WORKER_DRAINING")
    assert call.retry_info is not None


async def test_bytes_that_are_not_http2_end_the_connection(world):
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_connection(_Raw, "127.0.0.1", world.port)
    transport.write(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.wait_for(peer.lost, 10)
    assert world.cells.connection_failures == 1


class _Raw(asyncio.Protocol):
    def connection_made(self, transport):
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc):
        self.lost.set_result(None)


async def test_trailers_of_a_client_end_its_request(world):
    engine, client = await world.serve()
    call = client.call(a_request(), end=False)
    client.h2.send_headers(call.id, [(b"x-trailer", b"1")], end_stream=True)
    client.write()
    assert (await call.done()).status == 0
    assert engine.calls


async def test_trailers_of_a_client_that_are_too_large_end_its_call(world):
    engine, client = await world.serve(on_call=lambda _call, _event: None, max_metadata_bytes=8192)
    call = client.call(a_request(), end=False)
    at_engine = await engine.nth()
    client.h2.send_headers(call.id, [(b"x-trailer", b"1" * 9000)], end_stream=True)
    client.write()
    await call.done()
    assert (await at_engine.gone()).reset == 8
    await world.settled()
    assert call.outcome == "METADATA_TOO_LARGE"


async def test_a_deadline_that_has_passed_is_refused_before_any_engine_hears_of_it(world):
    engine, client = await world.serve()
    call = await client.call(a_request(), grpc_timeout=b"0m").done()
    assert (call.status, call.reason) == (4, "DEADLINE_EXCEEDED")
    assert engine.calls == []
