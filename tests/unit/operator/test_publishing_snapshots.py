"""One runtime's publisher against an API server in memory: others who write meanwhile, and what is there already."""

import asyncio

import pytest
from compiler_resources import a_route, a_runtime
from operator_making import FakeCluster

from fourplane_api import object_name
from fourplane_compiler.compilation import compile_all
from fourplane_kube import BrokenOffError
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT, RUNTIME_ACTIVATION
from fourplane_operator.errors import OvertakenError
from fourplane_operator.guarded import Writer
from fourplane_operator.publishing import Access, Publisher
from fourplane_wire.provenance import Provenance
from fourplane_wire.signing import Keyring, SigningKey

KEY = SigningKey(bytes(range(32)))
OTHER_KEY = SigningKey(bytes(range(1, 33)))
OWNER = {"apiVersion": "fourplane.dev/v1alpha1", "kind": "RuntimeDeployment", "name": "demo", "uid": "owner-1"}
DEMO = "default/demo"


class Leading:
    def check(self):
        pass


def a_publisher(cluster, *keys):
    keys = keys or (KEY,)
    access = Access(
        cluster=cluster,
        writer=Writer(cluster, Leading()),
        keys=keys,
        keyring=Keyring([key.public for key in keys]),
    )
    return Publisher(access, DEMO)


def encoded(*names):
    return compile_all(DEMO, [a_runtime(), *map(a_route, names)]).encoded


async def publish(publisher, snapshot, owner=OWNER):
    return await publisher.publish(owner, snapshot, Provenance(snapshot=snapshot.digest, sources=()))


def activation(cluster):
    return cluster.objects[RUNTIME_ACTIVATION.kind, "demo"]


@pytest.fixture
def cluster():
    return FakeCluster()


def told(story):
    asyncio.run(story)


def test_shards_come_before_the_snapshot_and_the_snapshot_before_the_activation(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        decision = await publish(publisher, encoded("a"))
        assert (decision.epoch, decision.sequence, decision.previous) == (1, 1, None)

    told(story())
    kinds = [kind for method, kind, _ in cluster.asked if method == "POST"]
    assert kinds[-2:] == ["ConfigSnapshot", "RuntimeActivation"]
    assert set(kinds[:-2]) == {"ConfigShard"}


def test_what_is_active_is_not_written_again(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        first = await publish(publisher, encoded("a"))
        cluster.asked.clear()
        assert await publish(publisher, encoded("a")) == first
        assert cluster.asked == []
        second = await publish(publisher, encoded("a", "b"))
        assert (second.sequence, second.previous) == (2, first.stable)

    told(story())


def test_a_new_leader_raises_the_epoch_over_what_stands_and_what_is_served(cluster):
    async def story():
        first = a_publisher(cluster)
        await first.begin(OWNER, (0, 0))
        await publish(first, encoded("a"))
        second = a_publisher(cluster)
        stored = await second.begin(OWNER, (0, 0))
        assert stored.snapshot.digest == encoded("a").digest
        assert (activation(cluster)["spec"]["epoch"], activation(cluster)["spec"]["sequence"]) == (2, 1)
        third = a_publisher(cluster)
        await third.begin(OWNER, (7, 3))
        await publish(third, encoded("b"))
        assert activation(cluster)["spec"]["epoch"] == 8

    told(story())


def test_a_leader_that_was_followed_by_another_can_not_decide_any_more(cluster):
    async def story():
        first, second = a_publisher(cluster), a_publisher(cluster)
        await first.begin(OWNER, (0, 0))
        await publish(first, encoded("a"))
        await second.begin(OWNER, (0, 0))
        with pytest.raises(OvertakenError):
            await publish(first, encoded("a", "b"))
        assert activation(cluster)["spec"]["epoch"] == 2

    told(story())


class Forgetful(FakeCluster):
    """Does each write, and loses its answer the first time."""

    def __init__(self):
        super().__init__()
        self.lost = set()

    def _lose(self, method, body):
        asked = method, body["kind"], body["metadata"]["name"], str(body["spec"])
        if asked not in self.lost:
            self.lost.add(asked)
            raise BrokenOffError("the connection broke")

    async def create(self, kind, namespace, body):
        stored = await super().create(kind, namespace, body)
        self._lose("POST", body)
        return stored

    async def replace(self, kind, namespace, body):
        stored = await super().replace(kind, namespace, body)
        self._lose("PUT", body)
        return stored


def test_a_write_whose_answer_was_lost_is_sent_again_and_recognised_as_our_own():
    cluster = Forgetful()

    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        await publish(publisher, encoded("a"))
        decision = await publish(publisher, encoded("a", "b"))
        assert (decision.epoch, decision.sequence) == (1, 2)

    told(story())
    assert {kind for _, kind, *_ in cluster.lost} == {"ConfigShard", "ConfigSnapshot", "RuntimeActivation"}
    assert activation(cluster)["spec"]["stable"] == encoded("a", "b").digest


def test_of_two_that_make_the_first_activation_one_is_overtaken(cluster):
    async def story():
        first, second = a_publisher(cluster), a_publisher(cluster)
        await first.begin(OWNER, (0, 0))
        await second.begin(OWNER, (0, 0))
        await publish(first, encoded("a"))
        with pytest.raises(OvertakenError):
            await publish(second, encoded("b"))

    told(story())


def test_an_activation_that_was_deleted_is_found_out(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        await publish(publisher, encoded("a"))
        del cluster.objects[RUNTIME_ACTIVATION.kind, "demo"]
        with pytest.raises(OvertakenError):
            await publish(publisher, encoded("b"))
        await publisher.begin(OWNER, (0, 0))
        await publish(publisher, encoded("b"))
        assert activation(cluster)["spec"]["epoch"] == 2

    told(story())


def test_a_snapshot_that_is_deleted_while_it_is_used_again_is_made_again(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        for names in (("a",), ("b",), ("c",)):
            await publish(publisher, encoded(*names))
        name = object_name(encoded("a").digest)

        def deleted_meanwhile(method, kind, of):
            if (method, of) == ("PATCH", name):
                cluster.before = None
                del cluster.objects[CONFIG_SNAPSHOT.kind, name]

        cluster.before = deleted_meanwhile
        await publish(publisher, encoded("a"))
        assert (CONFIG_SNAPSHOT.kind, name) in cluster.objects

    told(story())


def test_what_does_not_hold_what_its_name_says_is_replaced(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        wanted = encoded("a")
        (sha256,) = wanted.shards
        planted = {"metadata": {"name": object_name(f"sha256:{sha256}")}, "spec": {"data": "AAAA"}}
        await cluster.create(CONFIG_SHARD, "default", planted)
        await publish(publisher, wanted)
        kept = cluster.objects[CONFIG_SHARD.kind, planted["metadata"]["name"]]
        assert kept["spec"]["data"] != "AAAA"

    told(story())


def test_a_snapshot_that_another_key_signed_is_signed_anew(cluster):
    async def story():
        first = a_publisher(cluster, OTHER_KEY)
        await first.begin(OWNER, (0, 0))
        await publish(first, encoded("a"))
        before = cluster.objects[CONFIG_SNAPSHOT.kind, object_name(encoded("a").digest)]["spec"]["manifest"]
        second = a_publisher(cluster)
        assert await second.begin(OWNER, (0, 0)) is None  # what nobody of ours signed is no last good form
        await publish(second, encoded("a"))
        after = cluster.objects[CONFIG_SNAPSHOT.kind, object_name(encoded("a").digest)]["spec"]["manifest"]
        assert before != after
        assert activation(cluster)["spec"]["epoch"] == 2

    told(story())


def test_a_runtime_of_the_same_name_takes_over_what_the_first_one_left(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        first = await publish(publisher, encoded("a"))
        second = await publish(publisher, encoded("a"), OWNER | {"uid": "owner-2"})
        assert second.is_newer_than(first)
        assert second.stable == first.stable
        assert activation(cluster)["metadata"]["ownerReferences"] == [OWNER | {"uid": "owner-2"}]

    told(story())


def test_a_decision_from_before_what_is_served_is_never_decided_again(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        await publish(publisher, encoded("old"))
        await publisher.begin(OWNER, (4, 2))
        assert activation(cluster)["spec"]["epoch"] == 1
        await publish(publisher, encoded("new"))
        assert activation(cluster)["spec"]["epoch"] == 5

    told(story())


def test_what_is_missing_of_the_active_snapshot_is_stored_again_and_nothing_else(cluster):
    async def story():
        publisher = a_publisher(cluster)
        await publisher.begin(OWNER, (0, 0))
        wanted = encoded("a")
        await publish(publisher, wanted)
        told_of = Provenance(snapshot=wanted.digest, sources=())
        there = frozenset(name for _, name in cluster.objects)
        cluster.asked.clear()
        assert not await publisher.heal(OWNER, wanted, told_of, there)
        assert cluster.asked == []
        (sha256,) = wanted.shards
        lost = object_name(f"sha256:{sha256}")
        del cluster.objects[CONFIG_SHARD.kind, lost]
        assert await publisher.heal(OWNER, wanted, told_of, there - {lost})
        assert (CONFIG_SHARD.kind, lost) in cluster.objects

    told(story())
