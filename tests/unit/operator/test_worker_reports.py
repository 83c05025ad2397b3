"""Reports by runtime: who reports on what, and who has gone."""

from collections import defaultdict

import pytest

from fourplane_operator.reports import Reports

DIGEST = "sha256:" + "a" * 64


class World:
    def __init__(self):
        self.heard = defaultdict(dict)
        self.woken = []
        self.reports = Reports(self.heard.__getitem__, self.woken.append)

    def names(self, runtime="shop/r"):
        return sorted(self.heard[runtime])


@pytest.fixture
def world():
    return World()


def a_report(name, version, *, namespace="shop", runtime="shop/r", sequence=1):
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "WorkerReport",
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": str(version)},
        "spec": {
            "runtime": runtime,
            "workerVersion": "1.0.0",
            "contractVersions": ["1"],
            "acknowledged": {
                "digest": DIGEST,
                "digestShort": "aaaaaaaaaaaa",
                "epoch": 1,
                "sequence": sequence,
                "at": "2026-01-01T00:00:00Z",
            },
            "processes": {"wanted": 1, "serving": 1, "summary": "1/1"},
        },
    }


def test_a_report_wakes_its_runtime_when_it_says_something_else(world):
    world.reports.saw(a_report("p", 1))
    world.reports.saw(a_report("p", 2))
    assert world.woken == ["shop/r"]
    world.reports.saw(a_report("p", 3, sequence=2))
    assert world.heard["shop/r"]["shop/p"].revision == (1, 2)
    assert len(world.woken) == 2


def test_a_change_of_pools_alone_wakes_a_runtime(world):
    for version, state in enumerate(("Up", "Up", "Down")):
        document = a_report("p", version + 1)
        document["spec"]["pools"] = [{"name": "main", "state": state}]
        world.reports.saw(document)
    assert world.woken == ["shop/r"] * 2
    assert [pool.state for pool in world.heard["shop/r"]["shop/p"].report.pools] == ["Down"]


def test_an_older_form_is_passed_over(world):
    world.reports.saw(a_report("p", 5, sequence=2))
    world.reports.saw(a_report("p", 4, sequence=1))
    assert world.heard["shop/r"]["shop/p"].revision == (1, 2)


def test_a_pod_that_serves_another_runtime_leaves_the_first(world):
    world.reports.saw(a_report("p", 1))
    world.reports.saw(a_report("p", 2, runtime="shop/other"))
    assert world.names() == []
    assert world.names("shop/other") == ["shop/p"]


@pytest.mark.parametrize("spoiled", [{"runtime": "elsewhere/r"}, {"processes": "many"}])
def test_a_report_that_speaks_for_another_namespace_or_can_not_be_read_does_not_count(world, spoiled):
    world.reports.saw(a_report("p", 1))
    document = a_report("p", 2)
    document["spec"] |= spoiled
    world.reports.saw(document)
    assert world.names() == []


def test_a_listing_removes_what_is_gone_and_not_what_came_after_it(world):
    world.reports.saw(a_report("gone", 1))
    world.reports.saw(a_report("late", 12))
    world.reports.listed("shop", [a_report("there", 3)], 10)
    assert world.names() == ["shop/late", "shop/there"]


def test_a_listing_of_one_namespace_says_nothing_of_one_that_begins_alike(world):
    world.reports.saw(a_report("p", 1, namespace="shop-two", runtime="shop-two/r"))
    world.reports.listed("shop", [], 10)
    assert world.names("shop-two/r") == ["shop-two/p"]
    world.reports.listed("", [], 10)
    assert world.names("shop-two/r") == []


def test_losing_an_unknown_report_is_no_news(world):
    world.reports.lost(a_report("nobody", 1))
    assert world.woken == []
