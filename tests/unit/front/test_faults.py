"""Faults of the worker itself: each ends one call, is said in the log, and harms nobody beside it."""

import pytest
from front_builders import INFER, STREAM, framed
from front_world import until
from oip_messages import StreamResponse, a_request, a_response
from oip_strategies import scanned


def silent(_call, _event):
    """Say nothing."""


class FaultyTracing:
    active = True

    def wants(self, head):
        raise ZeroDivisionError

    def configure(self, telemetry):
        pass


def the_target(world):
    return world.front.serving.settled(scanned([a_request().SerializeToString()]))


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_a_fault_before_a_call_has_begun_ends_it_alone(world, method):
    engine, client = await world.serve(on_call=silent)
    other = client.call(a_request())
    at_engine = await engine.nth()
    world.front.tracing = FaultyTracing()
    world.expected_failures.append("a call failed inside the worker before it began")
    call = await client.call(a_request(), method=method, end=False).done()
    assert (call.status, call.reason) == (13, "WORKER_ERROR")
    at_engine.reply(a_response()).finish()
    assert (await other.done()).status == 0


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_a_fault_with_what_an_engine_says_ends_that_call_alone(world, method):
    engine, client = await world.serve(on_call=silent)
    good = client.call(a_request(), method=method)
    first = await engine.nth(1)
    bad = client.call(a_request(), method=method)
    second = await engine.nth(2)
    target = the_target(world)
    usual, target.engine_name = target.engine_name, object()
    world.expected_failures.append("a call failed inside the worker")
    second.finish(3, "no")
    await bad.done()
    assert (bad.status, bad.reason) == (13, "WORKER_ERROR")
    target.engine_name = usual
    answer = a_response()
    await first.done()
    first.reply(answer if method is INFER else StreamResponse(infer_response=answer)).finish()
    assert (await good.done()).status == 0
    assert len(engine.peers) == 1


async def test_a_fault_with_one_deadline_does_not_keep_others_from_expiring(world):
    engine, client = await world.serve(on_call=silent)
    bad = client.call(a_request(), grpc_timeout=b"60m")
    good = client.call(a_request(), grpc_timeout=b"60m")
    await engine.nth(2)
    (faulty,) = [s.context for c in world.front.clients for s in c.conn.open_streams.values() if s.id == bad.id]
    usual, faulty.started = faulty.started, None
    world.expected_failures.append("a call that ran out of time failed inside the worker")
    assert (await good.done()).reason == "DEADLINE_EXCEEDED"
    faulty.started = usual
    bad.cancel()
    await world.settled()


def waiting_for(pool):
    return [then for waiting in pool._waiting.values() for then in waiting]


async def test_a_fault_of_one_call_that_waits_does_not_keep_the_others_waiting(world):
    _, client = await world.serve()
    pool = world.front.pools["main"]
    await client.call(a_request()).done()
    ((connection,),) = [endpoint.connections for endpoint in pool.endpoints.values()]
    connection.conn.peer_streams = 0
    bad = client.call(a_request(), grpc_timeout=b"300m")
    await until(lambda: len(waiting_for(pool)) == 1)
    good = client.call(a_request())
    await until(lambda: len(waiting_for(pool)) == 2)
    waiting = waiting_for(pool)[0].__self__
    waiting.head = None
    world.expected_failures.append("a call that waited for an engine failed inside the worker")
    connection.conn.peer_streams = 100
    pool._changed()
    assert (await good.done()).status == 0
    assert (await bad.done()).reason == "DEADLINE_EXCEEDED"


async def test_a_head_that_ends_the_stream_is_a_request_without_a_message(world):
    _, client = await world.serve()
    for method, status in ((INFER, 3), (STREAM, 0)):
        call = client.call(method=method, end_with_head=True)
        assert (await call.done()).status == status


async def test_bounds_of_a_new_snapshot_reach_clients_that_are_connected(world):
    engine, client = await world.serve(max_metadata_bytes=8192)
    large = b"x" * 9000
    assert (await client.call(a_request(), x_large=large).done()).outcome == "METADATA_TOO_LARGE"
    world.activate(digest="b", max_metadata_bytes=16_384)
    call = await client.call(framed(a_request()), x_large=large).done()
    assert call.status == 0
    assert engine.calls[0].header("x-large") == large
