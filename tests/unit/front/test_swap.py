"""A swap of the snapshot under load: nobody fails, and each message lives under one snapshot."""

import asyncio

from front_builders import STREAM, a_backend, a_digest, a_route, framed
from front_world import until
from h2.settings import SettingCodes
from oip_messages import StreamResponse, a_request, a_response

BACKEND = {a_digest("a"): "engine-a", a_digest("b"): "engine-b"}


def swap(world, name, pool="main"):
    world.activate(a_route("m", a_backend(f"engine-{name}", pool=pool)), digest=name, pools=(pool,))


async def test_no_unary_call_fails_and_each_lives_under_one_snapshot(world):
    engine = await world.engine()
    swap(world, "a")
    clients = [await world.client() for _ in range(3)]
    seen = set()

    async def load(client):
        for _ in range(60):
            call = await client.call(a_request("m")).done()
            assert call.status == 0
            assert call.told("backend") == BACKEND[call.told("digest")]
            seen.add(call.told("digest"))

    loads = [asyncio.ensure_future(load(client)) for client in clients for _ in range(4)]
    for name in "ba" * 30:
        await asyncio.sleep(0.002)
        swap(world, name)
    await asyncio.gather(*loads)
    assert seen == set(BACKEND)
    assert world.outcomes() == {"OK": 12 * 60}
    assert len(engine.peers) == 1


async def test_no_call_fails_where_pools_come_and_go(world):
    """Each snapshot has another pool, so that the one before is left with its calls in flight."""
    await world.engine()
    await world.engine(pool="other")
    swap(world, "a")
    client = await world.client()

    async def load():
        for _ in range(60):
            call = await client.call(a_request("m")).done()
            assert (call.status, call.message) == (0, "")
            assert (call.told("digest") == a_digest("a")) == (call.told("pool") == "main")

    loads = [asyncio.ensure_future(load()) for _ in range(6)]
    for name in "ba" * 10:
        await asyncio.sleep(0.01)
        swap(world, name, "main" if name == "a" else "other")
    await asyncio.gather(*loads)
    assert world.outcomes() == {"OK": 360}


async def test_a_call_in_flight_stays_with_the_snapshot_that_it_began_under(world):
    engine = await world.engine(lambda _call, _event: None)
    swap(world, "a")
    client = await world.client()
    call = client.call(end=False)
    data = framed(a_request("m", tensor=b"x" * 1000))
    call.send(data[:200])
    at_engine = await engine.nth()
    swap(world, "b")
    call.send(data[200:]).end()
    await at_engine.done()
    assert at_engine.requests[0].model_name == "engine-a"
    at_engine.begin().finish()
    await call.done()
    assert (call.told("digest"), call.told("backend")) == (a_digest("a"), "engine-a")


async def test_a_pool_that_is_gone_is_left_when_its_last_call_has_ended(world):
    engine = await world.engine(lambda _call, _event: None)
    swap(world, "a")
    client = await world.client()
    call = client.call(a_request("m"))
    at_engine = await engine.nth()
    swap(world, "b", "other")
    await asyncio.sleep(0.02)
    assert not engine.peers[0].lost
    at_engine.reply(a_response()).finish()
    assert (await call.done()).status == 0
    await engine.peers[0].until(lambda: engine.peers[0].lost)


async def test_calls_that_wait_for_a_pool_outlive_its_removal(world):
    """They were planned while it was there; its engine takes no call yet."""
    engine = await world.engine(settings={SettingCodes.MAX_CONCURRENT_STREAMS: 0})
    swap(world, "a")
    client = await world.client()
    call = client.call(a_request("m"))
    (pool,) = world.front.pools.values()
    await until(lambda: pool.waiting == 1 and engine.peers)
    swap(world, "b", "other")
    assert pool.waiting == 1
    engine.peers[0].h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    engine.peers[0].write()
    assert ((await call.done()).status, call.told("backend")) == (0, "engine-a")
    await engine.peers[0].until(lambda: engine.peers[0].lost)


async def test_a_message_that_was_not_planned_yet_lives_under_the_new_snapshot(world):
    await world.engine()
    swap(world, "a")
    client = await world.client()
    call = client.call(end=False)
    data = framed(a_request("m"))
    call.send(data[:4])
    await asyncio.sleep(0.02)
    swap(world, "b")
    await call.send(data[4:]).end().done()
    assert (call.status, call.told("backend")) == (0, "engine-b")


async def test_each_message_of_a_stream_lives_under_one_snapshot(world):
    engine = await world.engine()
    swap(world, "a")
    client = await world.client()
    call = client.call(method=STREAM, end=False)
    for number in range(120):
        call.send(framed(a_request("m", request_id=str(number))))
        await asyncio.sleep(0.001)
        if number % 10 == 5:
            swap(world, "b" if number % 20 == 5 else "a")
    await call.end().done()
    assert (call.status, len(call.answers)) == (0, 120)
    assert {answer.infer_response.model_name for answer in call.answers} == {"m"}
    assert sorted(len({r.model_name for r in stream.requests}) for stream in engine.calls) == [1, 1]
    assert sorted(int(r.id) for stream in engine.calls for r in stream.requests) == list(range(120))
    assert set(call.told("digest").split(",")) == set(BACKEND)


async def test_a_snapshot_that_denies_callers_stops_the_next_message(world):
    _, client = await world.serve()
    assert (await client.call(a_request()).done()).status == 0
    world.activate(digest="b", anonymous=False)
    assert (await client.call(a_request()).done()).reason == "CALLER_UNAUTHENTICATED"


async def test_a_route_that_is_gone_is_not_found_any_more(world):
    _, client = await world.serve(a_route("m"))
    assert (await client.call(a_request("m")).done()).status == 0
    world.activate(a_route("other"), digest="b")
    assert (await client.call(a_request("m")).done()).outcome == "MODEL_NOT_FOUND"


async def test_weights_are_kept_over_many_calls(world):
    engine, client = await world.serve(a_route("m", a_backend("one", weight=1), a_backend("two", weight=3)))
    for _ in range(300):
        await client.call(a_request("m")).done()
    names = [call.requests[0].model_name for call in engine.calls]
    assert 30 < names.count("one") < 130


async def test_an_affinity_header_keeps_a_caller_at_one_backend(world):
    engine, client = await world.serve(a_route("m", a_backend("one"), a_backend("two"), affinity="x-user"))
    for user in range(10):
        for _ in range(5):
            await client.call(a_request("m"), x_user=b"user-%d" % user).done()
    homes = {}
    for call in engine.calls:
        homes.setdefault(call.header("x-user"), set()).add(call.requests[0].model_name)
    assert all(len(names) == 1 for names in homes.values())
    assert len(set.union(*homes.values())) == 2


async def test_an_open_stream_leaves_an_engine_that_the_snapshot_no_longer_names(world):
    old = await world.engine(lambda _call, _event: None)
    swap(world, "a")
    client = await world.client()
    call = client.call(method=STREAM, end=False).send(framed(a_request("m", request_id="1")))
    at_old = await old.nth()
    await until(lambda: at_old.requests)
    world.stopped_engines.append(world.engines.pop("main"))
    new = await world.engine()
    swap(world, "a")
    call.send(framed(a_request("m", request_id="2")))
    await until(lambda: call.answers)
    assert [request.id for request in new.calls[0].requests] == ["2"]
    await until(lambda: at_old.ended)
    at_old.reply(StreamResponse(infer_response=a_response(request_id="1"))).finish()
    await call.end().done()
    assert [answer.infer_response.id for answer in call.answers] == ["2", "1"]
    assert call.status == 0
    for engine in world.stopped_engines.pop():
        await engine.stop()
