"""The Lease, with clocks that a test moves and an API server that does what it is told."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from operator_making import Clock, FakeCluster

from fourplane_kube import UnreachableError
from fourplane_kube.kinds import LEASE
from fourplane_operator.errors import NotLeadingError
from fourplane_operator.guarded import Writer
from fourplane_operator.leadership import Leadership, since_boot
from fourplane_operator.settings import LeaseSettings

QUICK = LeaseSettings(namespace="ours", name="lease", duration_s=0.3)


class Candidate:
    """One of several operators."""

    def __init__(self, cluster, identity, *, wall=0.0, settings=QUICK):
        self.steady = Clock()
        self.leadership = Leadership(cluster, settings, identity, self.steady, lambda: wall)
        self.led = asyncio.Event()
        self.lost = asyncio.Event()

    async def lead(self):
        self.lost.clear()
        self.led.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.led.clear()
            self.lost.set()

    @asynccontextmanager
    async def standing(self):
        task = asyncio.ensure_future(self.leadership.run(self.lead))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def lease(cluster):
    return cluster.objects["Lease", "lease"]["spec"]


async def pauses(number=5):
    await asyncio.sleep(number * QUICK.retry_s)


@pytest.fixture
def cluster():
    return FakeCluster()


def told(story):
    asyncio.run(story)


def test_the_first_makes_the_lease_and_leads_and_the_second_waits(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first, Candidate(cluster, "b").standing() as second:
            await first.led.wait()
            await pauses()
            assert lease(cluster)["holderIdentity"] == "a"
            assert not second.led.is_set()
            with pytest.raises(NotLeadingError):
                second.leadership.check()

    told(story())


def test_a_silent_leader_stops_before_another_may_begin(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
            cluster.failing = UnreachableError("nothing answers")
            first.steady.now += QUICK.duration_s - QUICK.margin_s - 0.001
            first.leadership.check()
            first.steady.now += 0.002
            with pytest.raises(NotLeadingError):
                first.leadership.check()
            await first.lost.wait()

    told(story())


def test_another_takes_over_when_nothing_changed_for_the_whole_duration_by_its_own_clock(cluster):
    """What the first one's clock says makes no difference, and neither do times in the Lease."""

    async def story():
        async with Candidate(cluster, "a", wall=4e9).standing() as first:
            await first.led.wait()
        assert lease(cluster)["holderIdentity"] == "a"
        async with Candidate(cluster, "b", wall=1.0).standing() as second:
            await pauses()
            assert not second.led.is_set()
            second.steady.now += 0.99  # the Lease says whole seconds
            await pauses()
            assert not second.led.is_set()
            second.steady.now += 0.02
            await second.led.wait()
            assert lease(cluster)["holderIdentity"] == "b"
            assert lease(cluster)["leaseTransitions"] == 2

    told(story())


def test_a_lease_that_is_renewed_meanwhile_is_waited_for_anew(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
            async with Candidate(cluster, "b").standing() as second:
                for _ in range(4):
                    await pauses(3)  # it is renewed in between
                    second.steady.now += 0.9
                assert not second.led.is_set()

    told(story())


def test_a_write_after_a_pause_is_never_sent(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
            writer = Writer(cluster, first.leadership)
            first.steady.now += 3600  # stopped and woken: the clock went on, nothing else did
            cluster.asked.clear()
            with pytest.raises(NotLeadingError):
                await writer.create(LEASE, "ours", {"metadata": {"name": "another"}})
            assert cluster.asked == []

    told(story())


def test_a_leader_that_was_overtaken_in_its_sleep_knows_at_its_next_look(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
            lease(cluster)["holderIdentity"] = "b"
            cluster.objects["Lease", "lease"]["metadata"]["resourceVersion"] = "99"
            await first.lost.wait()
            assert not first.leadership.is_held

    told(story())


def test_a_released_lease_is_taken_at_once(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
        await first.leadership.release()
        assert lease(cluster)["holderIdentity"] == ""
        async with Candidate(cluster, "b").standing() as second:
            await second.led.wait()

    told(story())


def test_only_the_holder_releases(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
        lease(cluster)["holderIdentity"] = "b"
        await first.leadership.release()
        assert lease(cluster)["holderIdentity"] == "b"

    told(story())


def test_releasing_gives_up_where_nothing_answers(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
        cluster.failing = UnreachableError("nothing answers")
        await first.leadership.release()
        assert not first.leadership.is_held

    told(story())


def test_a_lower_version_of_the_lease_says_that_etcd_was_restored(cluster):
    async def story():
        async with Candidate(cluster, "a").standing() as first:
            await first.led.wait()
            await pauses(3)
            assert not first.leadership.restored.is_set()
            cluster.objects["Lease", "lease"]["metadata"]["resourceVersion"] = "0"
            await first.leadership.restored.wait()

    told(story())


def test_an_error_while_leading_ends_the_operator(cluster):
    async def story():
        async def lead():
            raise RuntimeError("a defect")

        candidate = Candidate(cluster, "a")
        with pytest.raises(RuntimeError, match="a defect"):
            await candidate.leadership.run(lead)
        assert not candidate.leadership.is_held

    told(story())


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this platform counts no suspended time")
def test_the_lease_is_counted_by_a_clock_that_goes_on_while_the_machine_is_suspended():
    before, now, after = time.clock_gettime(time.CLOCK_BOOTTIME), since_boot(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= now <= after
