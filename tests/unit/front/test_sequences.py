"""Sequences stay with the snapshot and the engine that they began with."""

import itertools

import pytest
from front_builders import INFER, STREAM, a_backend, a_digest, a_route, framed
from oip_messages import a_request
from oip_strategies import scanned

from fourplane_worker.front import sequences
from fourplane_worker.front.sequences import Sequences


class FakeConnection:
    def __init__(self):
        self.can_open = True


class FakeEndpoint:
    usable = None


class FakeEngine:
    def __init__(self):
        self.conn = FakeConnection()
        self.endpoint = FakeEndpoint()


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def a_scan(sequence=1, *, model="echo", start=False, end=False):
    return scanned([a_request(model, sequence=sequence, start=start, end=end).SerializeToString()])


def test_a_sequence_is_found_from_its_second_request_on():
    kept = Sequences(Clock())
    engine = FakeEngine()
    assert kept.find(a_scan(start=True)) is None
    kept.keep(a_scan(start=True), "target", engine)
    found = kept.find(a_scan())
    assert (found.target, found.engine) == ("target", engine)


@pytest.mark.parametrize("other", [a_scan(2), a_scan(model="other"), a_scan("1"), a_scan(0)])
def test_another_sequence_is_not_found(other):
    kept = Sequences(Clock())
    kept.keep(a_scan(start=True), "target", FakeEngine())
    assert kept.find(other) is None


def test_a_sequence_that_starts_again_is_planned_again():
    kept = Sequences(Clock())
    kept.keep(a_scan(start=True), "old", FakeEngine())
    assert kept.find(a_scan(start=True)) is None
    kept.keep(a_scan(start=True), "new", FakeEngine())
    assert kept.find(a_scan()).target == "new"


def test_a_sequence_that_has_ended_is_forgotten():
    kept = Sequences(Clock())
    kept.keep(a_scan(start=True), "target", FakeEngine())
    kept.keep(a_scan(end=True), "target", FakeEngine())
    assert kept.find(a_scan()) is None


def test_a_request_without_a_sequence_is_not_kept():
    kept = Sequences(Clock())
    kept.keep(a_scan(0), "target", FakeEngine())
    assert not kept._pinned


def test_a_sequence_whose_engine_is_gone_says_so_once_and_is_forgotten():
    kept = Sequences(Clock())
    engine = FakeEngine()
    kept.keep(a_scan(start=True), "target", engine)
    engine.conn.can_open = False
    assert kept.find(a_scan()).engine is None
    assert kept.find(a_scan()) is None


def test_a_sequence_follows_its_endpoint_to_a_new_connection():
    kept = Sequences(Clock())
    engine = FakeEngine()
    kept.keep(a_scan(start=True), "target", engine)
    engine.conn.can_open = False
    engine.endpoint.usable = "another connection"
    assert kept.find(a_scan()).engine == "another connection"


def test_a_sequence_that_is_silent_for_long_is_forgotten():
    clock = Clock()
    kept = Sequences(clock)
    kept.keep(a_scan(1, start=True), "target", FakeEngine())
    clock.now += sequences._IDLE_S / 2
    kept.keep(a_scan(2, start=True), "target", FakeEngine())
    clock.now += sequences._IDLE_S / 2 + 1
    kept.keep(a_scan(3, start=True), "target", FakeEngine())
    assert [kept.find(a_scan(number)) is not None for number in (1, 2, 3)] == [False, True, True]


def test_so_many_sequences_are_kept_and_the_least_recently_used_go_first():
    kept = Sequences(Clock())
    engine = FakeEngine()
    for number in range(1, sequences._MANY + 1):
        kept.keep(a_scan(number, start=True), "target", engine)
    assert kept.find(a_scan(1))
    kept.keep(a_scan(sequences._MANY + 1, start=True), "target", engine)
    assert kept.find(a_scan(2)) is None
    assert kept.find(a_scan(1))
    assert len(kept._pinned) == sequences._MANY


async def test_a_sequence_outlives_a_swap_and_a_new_one_does_not_see_the_old_snapshot(world):
    engine, client = await world.serve(a_route("m", a_backend("old")), digest="a")
    await client.call(a_request("m", sequence=1, start=True)).done()
    world.activate(a_route("m", a_backend("new")), digest="b")
    pinned = await client.call(a_request("m", sequence=1)).done()
    fresh = await client.call(a_request("m", sequence=2, start=True)).done()
    last = await client.call(a_request("m", sequence=1, end=True)).done()
    after = await client.call(a_request("m", sequence=1)).done()
    calls = (pinned, fresh, last, after)
    assert [call.told("digest") for call in calls] == [a_digest(name) for name in "abab"]
    assert [call.requests[0].model_name for call in engine.calls] == ["old", "old", "new", "old", "new"]


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_every_request_of_a_sequence_goes_to_one_of_several_engines(world, method):
    engines = [await world.engine() for _ in range(3)]
    world.activate()
    client = await world.client()
    await world.connected(3)
    for number in range(1, 9):
        for place in range(5):
            request = a_request(sequence=number, start=place == 0, end=place == 4)
            assert (await client.call(request, method=method).done()).status == 0
    homes = [{r.parameters["sequence_id"].int64_param for c in engine.calls for r in c.requests} for engine in engines]
    assert not any(one & other for one, other in itertools.combinations(homes, 2))
    assert sum(map(len, homes)) == 8


async def test_sequences_on_one_stream_keep_their_order_and_their_engine(world):
    engines = [await world.engine() for _ in range(2)]
    world.activate()
    client = await world.client()
    requests = [
        a_request(sequence=number, start=place == 0, end=place == 4, request_id=f"{number}/{place}")
        for place in range(5)
        for number in range(1, 7)
    ]
    call = await client.call(*requests, method=STREAM).done()
    assert (call.status, len(call.answers)) == (0, 30)
    for number in range(1, 7):
        seen = [
            [r.id for r in stream.requests if r.id.startswith(f"{number}/")]
            for engine in engines
            for stream in engine.calls
        ]
        assert [ids for ids in seen if ids] == [[f"{number}/{place}" for place in range(5)]]


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_a_sequence_whose_engine_is_lost_is_told_to_start_again(world, method):
    engine, client = await world.serve()
    assert (await client.call(a_request(sequence=1, start=True)).done()).status == 0
    await engine.stop()
    await client.until(lambda: not world.endpoints_ready())
    call = await client.call(a_request(sequence=1, request_id="r"), method=method).done()
    if method is INFER:
        assert (call.status, call.reason) == (14, "ENGINE_LOST")
    else:
        (answer,) = call.answers
        assert (call.status, answer.infer_response.id) == (0, "r")
        assert "start the sequence again" in answer.error_message


async def test_a_sequence_that_begins_while_its_pool_is_being_connected_keeps_one_stream(world):
    engine = await world.engine()
    client = await world.client()
    world.activate()
    requests = [a_request(sequence=1, start=n == 0, end=n == 4, request_id=str(n)) for n in range(5)]
    call = await client.call(b"".join(map(framed, requests)), method=STREAM).done()
    assert call.status == 0
    assert [[r.id for r in stream.requests] for stream in engine.calls] == [["0", "1", "2", "3", "4"]]


async def test_a_sequence_ends_where_the_snapshot_no_longer_serves_its_caller(world):
    _, client = await world.serve()
    first = a_request(sequence=7, start=True)
    assert (await client.call(first).done()).status == 0
    world.activate(digest="b", anonymous=False)
    assert (await client.call(a_request(sequence=7)).done()).reason == "CALLER_UNAUTHENTICATED"
