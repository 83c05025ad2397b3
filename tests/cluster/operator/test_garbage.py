"""What nobody needs goes, and what somebody needs again stays, whoever decided what."""

import asyncio
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

from acting_operator import Acting, nothing_behind
from system_runtime import a_route
from system_worker import eventually

from fourplane_api import object_name
from fourplane_kube import connect
from fourplane_operator.collecting import Collector
from fourplane_operator.guarded import Writer
from fourplane_operator.leadership import Leadership
from fourplane_operator.metrics import Metrics
from fourplane_operator.publishing import Access, Publisher
from fourplane_operator.settings import LeaseSettings
from fourplane_wire.provenance import Provenance
from fourplane_wire.signing import Keyring, SigningKey


class MeddlingWriter(Writer):
    """Lets something happen between the decision to delete and the deletion."""

    meanwhile = None

    async def delete(self, *args, **kwargs):
        if self.meanwhile is not None:
            await self.meanwhile()
        await super().delete(*args, **kwargs)


@asynccontextmanager
async def leading(site):
    """Lead under the operator's own rights, with a publisher of the runtime and a maker of collectors."""
    key = SigningKey.from_pem(site.key.read_bytes())
    async with connect(site.rights.operator) as cluster:
        lease = LeaseSettings(namespace=site.namespace, name=site.rights.lease)
        leadership = Leadership(cluster, lease, "test", time.monotonic, time.time)
        held = asyncio.Event()

        async def lead():
            held.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(leadership.run(lead))
        await held.wait()
        writer = MeddlingWriter(cluster, leadership)
        access = Access(cluster=cluster, writer=writer, keys=(key,), keyring=Keyring([key.public]))
        publisher = Publisher(access, f"{site.namespace}/shop")

        def collector(*needed, keep=0):
            return Collector(
                namespace=site.namespace,
                cluster=cluster,
                writer=writer,
                metrics=Metrics(),
                needed=lambda: frozenset(needed),
                asked=frozenset,
                keep=keep,
            )

        yield SimpleNamespace(writer=writer, publisher=publisher, collector=collector)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def owner_of(site):
    runtime, *_ = nothing_behind()
    site.apply(runtime)
    metadata = site.get("rtd", "shop")["metadata"]
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "RuntimeDeployment",
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def snapshots_of(site, number):
    """Return so many snapshots, that differ in one route."""
    acting = Acting(site.cluster, site.namespace)
    common = nothing_behind(*(f"common-{index}" for index in range(4)))
    return [acting.compiled(*common, a_route(f"only-{index}", ("main", "echo"))) for index in range(number)]


async def published(world, owner, *snapshots):
    for encoded in snapshots:
        await world.publisher.publish(owner, encoded, Provenance(snapshot=encoded.digest, sources=()))


def stored(site):
    return {one["metadata"]["name"] for one in site.items("configsnapshot")}


def whole(site, encoded):
    shards = {one["spec"]["sha256"] for one in site.items("configshard")}
    return object_name(encoded.digest) in stored(site) and set(encoded.shards) <= shards


def test_what_is_active_or_served_or_among_the_last_stays_whole_and_the_rest_goes(site):
    owner, snapshots = owner_of(site), snapshots_of(site, 6)

    async def story():
        async with leading(site) as world:
            await world.publisher.begin(owner, (0, 0))
            await published(world, owner, *snapshots)
            active = world.publisher.active
            assert (active.stable, active.previous) == (snapshots[5].digest, snapshots[4].digest)
            collector = world.collector(active.stable, active.previous, snapshots[0].digest, keep=3)
            assert await collector.look() == 0  # nothing goes at first sight
            assert await collector.look() > 0
            assert await collector.look() == 0
            assert await collector.look() == 0

    asyncio.run(story())
    assert stored(site) == {object_name(snapshots[index].digest) for index in (0, 3, 4, 5)}
    assert all(whole(site, snapshots[index]) for index in (0, 3, 4, 5))
    named = {name for index in (0, 3, 4, 5) for name in snapshots[index].shards}
    assert {one["spec"]["sha256"] for one in site.items("configshard")} == named


def test_a_deletion_that_was_decided_before_a_snapshot_is_used_again_fails(site):
    owner, (first, second, third) = owner_of(site), snapshots_of(site, 3)

    async def story():
        async with leading(site) as world:
            await world.publisher.begin(owner, (0, 0))
            await published(world, owner, first, second, third)
            ignorant = world.collector(third.digest, second.digest)
            await ignorant.look()

            async def meanwhile():
                world.writer.meanwhile = None
                await published(world, owner, first)

            world.writer.meanwhile = meanwhile
            await ignorant.look()

    asyncio.run(story())
    assert site.active()["stable"] == first.digest
    assert whole(site, first)


def test_coming_back_to_an_earlier_snapshot_uses_it_again(site, start_operator):
    start_operator(site)
    there = nothing_behind("echo")
    site.apply(*there)
    first = site.activates()["stable"]
    uid = site.get("configsnapshot", object_name(first))["metadata"]["uid"]
    site.apply(a_route("second", ("main", "echo")))
    second = site.activates(after=first)
    site.cluster.kubectl_text("delete", "mroute", "second", f"--namespace={site.namespace}")
    back = site.activates(after=second["stable"])
    assert (back["stable"], back["previous"]) == (first, second["stable"])
    assert (back["epoch"], back["sequence"]) == (second["epoch"], second["sequence"] + 1)
    found = site.get("configsnapshot", object_name(first))["metadata"]
    assert found["uid"] == uid
    assert found["annotations"]["fourplane.dev/needed-by"].startswith(f"{site.namespace}/shop")


def test_what_somebody_removes_of_the_active_snapshot_is_stored_again(site, start_operator, start_worker):
    """The operator looks when a worker says that it can't take it."""
    start_operator(site)
    site.apply(*nothing_behind("echo"))
    active = site.activates()
    for kind in ("configshard", "configsnapshot"):
        site.cluster.kubectl_text("delete", kind, "--all", f"--namespace={site.namespace}")
    worker = start_worker(site, "shop-0")
    site.until("mroute", "echo", "Ready", "True")
    eventually(worker.report, "the worker serves", lambda spec: spec["acknowledged"]["digest"] == active["stable"])
    assert stored(site) == {object_name(active["stable"])}
