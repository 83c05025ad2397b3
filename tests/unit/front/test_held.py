"""Compressed messages must be whole before they can be read: what that keeps in memory is bounded for the process."""

import gzip

import pytest
from front_builders import INFER, STREAM, framed
from oip_messages import a_request

from fourplane_worker.front import exchange

SIZE = 2_000_000


def silent(_call, _event):
    """Take a request and say nothing."""


def packed():
    return framed(gzip.compress(a_request(tensor=bytes(SIZE)).SerializeToString()), flag=1)


@pytest.mark.parametrize(("method", "count"), [(INFER, 1), (STREAM, 3)])
async def test_nothing_is_kept_once_the_engine_has_taken_it(world, method, count):
    engine, client = await world.serve(on_call=silent)
    call = client.call(end=False, method=method, grpc_encoding=b"gzip")
    await call.send_all(packed() * count, end=True)
    at_engine = await engine.nth()
    await at_engine.done()
    assert [len(request.raw_input_contents[0]) for request in at_engine.requests] == [SIZE] * count
    assert world.front.held == 0
    at_engine.begin().finish()
    await call.done()


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_above_the_bound_a_compressed_call_is_refused_and_may_be_tried_again(world, method):
    _, client = await world.serve()
    world.front.held = exchange.MAX_HELD_BYTES - SIZE // 2
    call = client.call(end=False, method=method, grpc_encoding=b"gzip")
    await call.send_all(packed(), end=True)
    await call.done()
    assert (call.status, call.reason) == (14, "WORKER_OVERLOADED")
    assert (await client.call(a_request(tensor=bytes(1000))).done()).status == 0
    assert world.front.held == exchange.MAX_HELD_BYTES - SIZE // 2
    world.front.held = 0
