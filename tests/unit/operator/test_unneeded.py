"""What garbage is, of all snapshots and shards of a namespace."""

from fourplane_api import object_name
from fourplane_operator.collecting import unneeded


def digest(letter):
    return "sha256:" + letter * 64


def a_snapshot(letter, age, *shards, runtime="default/demo"):
    metadata = {
        "name": object_name(digest(letter)),
        "uid": letter,
        "resourceVersion": str(age),
        "creationTimestamp": f"2026-01-01T00:00:{age:02}Z",
    }
    return {"metadata": metadata, "spec": {"runtime": runtime, "shards": [one * 64 for one in shards]}}


def a_shard(letter):
    return {"metadata": {"name": object_name(digest(letter)), "uid": letter, "resourceVersion": "1"}}


def names(snapshots, shards, needed=(), keep=0):
    found = unneeded(snapshots, [a_shard(one) for one in shards], frozenset(map(digest, needed)), keep)
    return sorted((one.kind.kind, one.uid) for one in found)


def test_what_is_needed_stays_with_its_shards_however_old_it_is():
    snapshots = [a_snapshot("a", 1, "1", "2"), a_snapshot("b", 2, "2", "3")]
    assert names(snapshots, "123", needed="a") == [("ConfigShard", "3"), ("ConfigSnapshot", "b")]


def test_the_newest_of_each_runtime_stay():
    mine = [a_snapshot(letter, age, letter) for age, letter in enumerate("abc")]
    theirs = [a_snapshot("d", 0, "d", runtime="default/other")]
    assert names(mine + theirs, "abcd", keep=2) == [("ConfigShard", "a"), ("ConfigSnapshot", "a")]


def test_a_shard_that_two_snapshots_name_stays_for_the_one_that_stays():
    snapshots = [a_snapshot("a", 1, "1"), a_snapshot("b", 2, "1")]
    assert names(snapshots, "1", needed="b") == [("ConfigSnapshot", "a")]


def test_a_shard_that_no_snapshot_names_goes():
    assert names([], "9") == [("ConfigShard", "9")]


def test_nothing_goes_where_nothing_is():
    assert names([], "") == []


def test_shards_of_a_snapshot_that_is_about_to_be_stay():
    found = unneeded([], [a_shard("1"), a_shard("2")], frozenset(), 0, asked=frozenset({"1" * 64}))
    assert [one.uid for one in found] == ["2"]
