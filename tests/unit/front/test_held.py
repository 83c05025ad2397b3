"""Compressed messages must be whole before they can be read: what that keeps in memory is bounded for the process."""

import gzip

import pytest
from front_builders import INFER, STREAM, framed
from oip_messages import a_request

from fourplane_worker.front import exchange


def packed(size):
    return framed(gzip.compress(a_request(tensor=bytes(size)).SerializeToString()), flag=1)


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_nothing_is_kept_of_calls_that_are_over(world, method):
    _, client = await world.serve()
    call = client.call(end=False, method=method, grpc_encoding=b"gzip")
    await call.send_all(packed(2_000_000) * (1 if method == INFER else 3), end=True)
    assert (await call.done()).status == 0
    assert world.front.held == 0


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_above_the_bound_a_compressed_call_is_refused_and_may_be_tried_again(world, method):
    _, client = await world.serve()
    world.front.held = exchange.MAX_HELD_BYTES - 1_000_000
    call = client.call(end=False, method=method, grpc_encoding=b"gzip")
    await call.send_all(packed(2_000_000), end=True)
    await call.done()
    assert (call.status, call.reason) == (14, "WORKER_OVERLOADED")
    assert (await client.call(a_request(tensor=bytes(200_000))).done()).status == 0
    assert world.front.held == exchange.MAX_HELD_BYTES - 1_000_000
