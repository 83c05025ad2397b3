"""What is copied into the state folder, what is not fetched again, and what never gets there."""

import asyncio

import pytest
from cluster_making import RUNTIME, Objects, an_activation, text
from store_making import KEY, STRANGER, a_route, a_runtime, a_snapshot, a_state, publish

from fourplane_kube import NoAccessError, UnreachableError
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT
from fourplane_wire.signing import Keyring
from fourplane_worker.cluster.errors import NotTakenError
from fourplane_worker.cluster.mirror import Mirror
from fourplane_worker.cluster.offers import offered
from fourplane_worker.process.intake import Intake
from fourplane_worker.store import snapshots

ONE, TWO = a_snapshot(a_route("one")), a_snapshot(a_route("two"))
KEYRING = Keyring([KEY.public])


@pytest.fixture
def state(tmp_path):
    return a_state(tmp_path / "state")


@pytest.fixture
def server():
    return Objects()


@pytest.fixture
def mirror(state, server):
    return Mirror(server, state, lambda: KEYRING, RUNTIME)


def files_of(state):
    return sorted(path.name for path in state.root.joinpath("store").rglob("*") if path.is_file())


async def refused(mirror, found):
    with pytest.raises(NotTakenError) as error:
        await mirror.take(offered(found))
    return error.value.reason


async def test_what_is_placed_is_what_the_intake_takes(mirror, server, state):
    server.put(ONE)
    assert await mirror.take(offered(an_activation(ONE, 1)))
    intake = Intake(state, KEYRING, RUNTIME)
    intake.begin()
    assert intake.offer.digest == ONE.digest
    assert not intake.problems


async def test_what_is_there_is_not_fetched(mirror, server, state):
    publish(state, ONE, 1)
    assert await mirror.take(offered(an_activation(ONE, 2)))
    assert not server.gets
    assert not await mirror.take(offered(an_activation(ONE, 2)))


async def test_a_shard_that_was_damaged_on_disk_is_fetched_anew(mirror, server, state):
    server.put(ONE)
    await mirror.take(offered(an_activation(ONE, 1)))
    sha256 = next(iter(ONE.shards))
    state.shard(sha256).write_bytes(b"rotten")
    server.gets.clear()
    assert await mirror.take(offered(an_activation(ONE, 1)))
    assert server.gets == {CONFIG_SHARD: 1}
    assert state.shard(sha256).read_bytes() == ONE.shards[sha256]


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("Damaged", lambda server: server.damage_shard(TWO)),
        ("Missing", lambda server: server.objects.clear()),
        ("Untrusted", lambda server: server.put(TWO, key=STRANGER)),
        ("Forbidden", lambda server: setattr(server, "failing", NoAccessError("no"))),
    ],
)
async def test_what_is_wrong_changes_no_file(reason, change, mirror, server, state):
    server.put(ONE)
    server.put(TWO)
    await mirror.take(offered(an_activation(ONE, 1)))
    before = files_of(state), state.activation.read_bytes()
    change(server)
    assert await refused(mirror, an_activation(TWO, 2)) == reason
    assert (files_of(state), state.activation.read_bytes()) == before


@pytest.mark.parametrize(
    ("reason", "activation"),
    [
        ("Untrusted", an_activation(ONE, 1, key=STRANGER)),
        ("WrongRuntime", an_activation(ONE, 1, runtime="default/other")),
        ("Damaged", {"metadata": {"name": "shop"}, "spec": {"activation": "?"}}),
        ("Damaged", {"metadata": {"name": "shop"}}),
        ("Damaged", {"metadata": {"name": "shop"}, "spec": {"activation": text(b"garbage")}}),
    ],
)
async def test_a_decision_that_is_not_to_be_followed_is_refused_before_anything_is_fetched(
    reason, activation, mirror, server, state
):
    assert await refused(mirror, activation) == reason
    assert not server.gets
    assert not files_of(state)


async def test_a_snapshot_of_another_runtime_is_refused(mirror, server):
    other = a_snapshot(runtime=a_runtime("default/other"))
    server.put(other)
    assert await refused(mirror, an_activation(other, 1)) == "WrongRuntime"


async def test_an_older_decision_is_refused_once_a_newer_was_taken(mirror, server, state):
    server.put(ONE)
    server.put(TWO)
    await mirror.take(offered(an_activation(TWO, 2)))
    Intake(state, KEYRING, RUNTIME).begin()
    assert await refused(mirror, an_activation(ONE, 1)) == "Replayed"
    assert await refused(mirror, an_activation(ONE, 2)) == "Replayed"
    assert await mirror.take(offered(an_activation(ONE, 1, epoch=2)))


async def test_an_absent_server_is_no_fault_of_the_snapshot(mirror, server):
    server.failing = UnreachableError("gone")
    with pytest.raises(UnreachableError):
        await mirror.take(offered(an_activation(ONE, 1)))


async def test_only_what_may_still_be_needed_is_kept(mirror, server, state):
    many = [a_snapshot(a_route(f"m{number}")) for number in range(14)]
    for sequence, encoded in enumerate(many, 1):
        server.put(encoded)
        await mirror.take(offered(an_activation(encoded, sequence)))
        Intake(state, KEYRING, RUNTIME).begin()
    kept = {path.name for path in state.manifests.iterdir()}
    assert len(kept) < len(many)
    assert many[-1].digest.removeprefix("sha256:") in kept
    snapshots.read(state, many[-1].digest, KEYRING)


async def test_many_shards_are_fetched_a_few_at_a_time(state):
    class Counting(Objects):
        now = most = 0

        async def get(self, kind, namespace, name):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return await super().get(kind, namespace, name)

    server = Counting()
    large = a_snapshot(*(a_route(f"model-{number}") for number in range(6000)))
    server.put(large)
    assert len(large.shards) > 8
    await Mirror(server, state, lambda: KEYRING, RUNTIME).take(offered(an_activation(large, 1)))
    assert server.most == 8
    assert server.gets == {CONFIG_SNAPSHOT: 1, CONFIG_SHARD: len(large.shards)}
