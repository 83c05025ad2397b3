"""A folder edit by edit: what is compiled, what is held back, and what is written to the store."""

import pytest
from cli_folders import RUNTIME, a_folder, a_route

from fourplane_cli.elsewhere import engines_here
from fourplane_cli.publishing import Publisher
from fourplane_cli.sources import Sources
from fourplane_wire.signing import Keyring
from fourplane_worker.store import activations, keys, snapshots
from fourplane_worker.store.layout import StateFolder

MANAGED = "  - name: q\n      triton:\n        modelRepository: models"
FILES = {"runtime.yaml": RUNTIME, "a.yaml": a_route("a"), "b.yaml": a_route("b")}


@pytest.fixture
def folder(tmp_path):
    return a_folder(tmp_path / "resources", FILES)


def models(reading):
    return sorted(route.model for route in reading.snapshot.routes)


def held(reading):
    return [ref.name for ref in reading.held]


def test_an_edit_changes_what_it_is_about_and_nothing_else(folder):
    sources = Sources(folder)
    first = sources.read()
    assert models(first) == ["a", "b"]
    assert not first.differences
    a_folder(folder, {"a.yaml": a_route("a", deadline="1s")})
    second = sources.read()
    assert [(one.subject, one.change) for one in second.differences] == [("route/default/a", "deadline")]
    assert sources.read().encoded.digest == second.encoded.digest


def test_edit_by_edit_gives_what_a_fresh_start_gives(folder):
    sources = Sources(folder)
    sources.read()
    for files in ({"c.yaml": a_route("c")}, {"a.yaml": a_route("a", deadline="2s")}, {"runtime.yaml": RUNTIME + "#"}):
        a_folder(folder, files)
        reading = sources.read()
    (folder / "b.yaml").unlink()
    assert sources.read().encoded.digest == Sources(folder).read().encoded.digest
    assert reading.encoded.digest != Sources(folder).read().encoded.digest


def test_a_deleted_file_deletes_its_routes(folder):
    sources = Sources(folder)
    sources.read()
    (folder / "a.yaml").unlink()
    assert models(sources.read()) == ["b"]


def test_a_route_that_does_not_parse_keeps_its_last_good_form(folder):
    sources = Sources(folder)
    before = sources.read()
    a_folder(folder, {"a.yaml": a_route("a", deadline="soon")})
    after = sources.read()
    assert after.encoded.digest == before.encoded.digest
    assert [one.field for one in after.findings] == ["spec.deadline"]


@pytest.mark.parametrize("text", ["a: [", "kind: ModelRout\napiVersion: fourplane.dev/v1alpha1\nmetadata: {name: a}\n"])
def test_a_file_that_can_not_be_read_deletes_nothing(folder, text):
    sources = Sources(folder)
    before = sources.read()
    a_folder(folder, {"a.yaml": text})
    for _ in range(2):
        after = sources.read()
        assert after.encoded.digest == before.encoded.digest
        assert held(after) == ["default/a"]
        assert len(after.findings) == 1
    (folder / "b.yaml").unlink()
    assert models(sources.read()) == ["a"]
    a_folder(folder, {"a.yaml": a_route("a", deadline="9s")})
    assert sources.read().held == ()


def test_a_runtime_in_a_file_that_can_not_be_read_stays(folder):
    sources = Sources(folder)
    before = sources.read()
    a_folder(folder, {"runtime.yaml": "{"})
    after = sources.read()
    assert after.encoded.digest == before.encoded.digest
    assert after.deployment is None
    assert held(after) == ["default/demo"]


def test_a_start_with_files_that_can_not_be_read_deletes_nothing(folder):
    last_good = Sources(folder).read().snapshot
    a_folder(folder, {"a.yaml": "{"})
    reading = Sources(folder, last_good=last_good).read()
    assert reading.encoded.digest == last_good.digest
    assert held(reading) == ["default/a"]


def test_a_start_with_files_that_can_be_read_deletes_what_is_gone(folder):
    last_good = Sources(folder).read().snapshot
    (folder / "a.yaml").unlink()
    assert models(Sources(folder, last_good=last_good).read()) == ["b"]


def test_an_emptied_folder_is_a_failure_and_no_deletion(folder):
    sources = Sources(folder)
    sources.read()
    for name in FILES:
        (folder / name).unlink()
    reading = sources.read()
    assert reading.encoded is None
    assert "RuntimeDeployment" in reading.failure


def test_a_folder_that_is_gone_is_a_failure(folder):
    sources = Sources(folder / "gone")
    assert "gone" in sources.read().failure


@pytest.fixture
def state(tmp_path):
    return StateFolder(tmp_path / "state").create()


def a_publisher(state):
    publisher = Publisher(state, keys.signing_key(state), ring(state))
    return publisher, publisher.begin()


def ring(state):
    return Keyring(keys.trusted_keys(state))


def encoded(folder):
    return Sources(folder).read().encoded


def decided(state):
    found = activations.read(state.activation, ring(state))[0]
    return (found.epoch, found.sequence, found.stable)


def test_each_run_has_an_epoch_of_its_own_and_each_change_a_number(state, folder):
    publisher, last_good = a_publisher(state)
    assert last_good is None
    one = encoded(folder)
    publisher.publish("default/demo", one)
    assert decided(state) == (1, 1, one.digest)
    a_folder(folder, {"c.yaml": a_route("c")})
    two = encoded(folder)
    publisher.publish("default/demo", two)
    assert decided(state) == (1, 2, two.digest)
    again, last_good = a_publisher(state)
    assert last_good.digest == two.digest
    again.publish("default/demo", one)
    assert decided(state) == (2, 1, one.digest)
    assert again.revision == "2.1"


def test_what_is_there_already_is_not_written_again(state, folder):
    one = encoded(folder)
    publisher, _ = a_publisher(state)
    assert publisher.publish("default/demo", one) is not None
    written = state.activation.read_bytes()
    assert publisher.publish("default/demo", one) is None
    again, _ = a_publisher(state)
    assert again.publish("default/demo", one) is None
    assert state.activation.read_bytes() == written


def test_a_damaged_store_is_written_anew_at_the_next_start(state, folder):
    one = encoded(folder)
    a_publisher(state)[0].publish("default/demo", one)
    state.shard(next(iter(one.shards))).write_bytes(b"rubbish")
    publisher, last_good = a_publisher(state)
    assert last_good is None
    assert [problem.path.parent for problem in publisher.problems] == [state.shards]
    assert publisher.publish("default/demo", one) is not None
    assert decided(state) == (2, 1, one.digest)
    snapshots.read(state, one.digest, ring(state))


def test_decisions_that_can_not_be_read_are_told_apart_from_none(state, folder):
    assert a_publisher(state)[0].problems == ()
    a_publisher(state)[0].publish("default/demo", encoded(folder))
    assert a_publisher(state)[0].problems == ()
    activations.accept(state, b"rubbish")
    state.activation.write_bytes(b"rubbish")
    publisher, last_good = a_publisher(state)
    assert last_good is None
    assert [problem.path for problem in publisher.problems] == [state.activation, state.accepted]


def test_a_new_epoch_is_above_what_was_taken_when_the_activation_is_lost(state, folder):
    one = encoded(folder)
    a_publisher(state)[0].publish("default/demo", one)
    a_folder(folder, {"c.yaml": a_route("c")})
    publisher, _ = a_publisher(state)
    publisher.publish("default/demo", encoded(folder))
    activations.accept(state, state.activation.read_bytes())
    state.activation.unlink()
    publisher, _ = a_publisher(state)
    publisher.publish("default/demo", one)
    assert decided(state) == (3, 1, one.digest)


def test_tidying_leaves_what_can_be_gone_back_to(state, folder):
    publisher, _ = a_publisher(state)
    digests = []
    for number in range(15):
        a_folder(folder, {"c.yaml": a_route("c", deadline=f"{number + 1}s")})
        publisher.publish("default/demo", encoded(folder))
        digests.append(decided(state)[2])
    assert publisher.tidy() > 0
    for digest in digests[-10:]:
        snapshots.read(state, digest, ring(state))
    assert len(list(state.manifests.iterdir())) == 10


CLUSTER = {
    "  - name: q\n      triton:\n        service: {name: engines, port: 8001}": (
        "spec.pools[1].triton.service",
        "pool q has the engines of Service engines:8001, which only a cluster finds",
        "for `fourplane up`, name their addresses under endpoints, or start it with --triton HOST:PORT",
    ),
    "  - name: q\n      triton:\n        modelRepository: s3://models/q\n        server: {gpus: 1}": (
        "spec.pools[1].triton.modelRepository",
        "pool q has its models at s3://models/q, which only a cluster serves",
        "for `fourplane up`, name a folder below the applied files, or start it with --triton HOST:PORT",
    ),
}


@pytest.mark.parametrize("pool", CLUSTER, ids=["service", "repository"])
def test_a_pool_that_only_a_cluster_serves_is_told_and_the_rest_is_served(folder, pool):
    a_folder(folder, {"runtime.yaml": RUNTIME.replace(MANAGED, pool)})
    reading = Sources(folder).read()
    [told] = reading.findings
    assert (told.field, told.message, told.remedy) == CLUSTER[pool]
    assert (told.path.name, told.reason) == ("runtime.yaml", "OnlyInACluster")
    assert (
        (folder / "runtime.yaml").read_text().splitlines()[told.line - 1].strip().startswith(told.field.split(".")[-1])
    )
    assert models(reading) == ["a", "b"]
    assert not reading.failure


@pytest.mark.parametrize("pool", CLUSTER, ids=["service", "repository"])
def test_an_engine_that_is_named_stands_in_for_what_only_a_cluster_has(folder, pool):
    a_folder(folder, {"runtime.yaml": RUNTIME.replace(MANAGED, pool)})
    reading = Sources(folder, has_engine=True).read()
    assert reading.findings == ()
    assert list(engines_here(reading.deployment)) == ["q"]


def test_a_fleet_has_no_effect_here_and_nothing_is_said_of_it(folder):
    plain = Sources(folder).read()
    server = "modelRepository: models\n        server: {replicas: 3}"
    a_folder(
        folder, {"runtime.yaml": RUNTIME.replace("modelRepository: models", server) + "  workers: {replicas: 9}\n"}
    )
    reading = Sources(folder).read()
    assert reading.findings == ()
    assert reading.encoded.digest == plain.encoded.digest
