"""Namespaces that can't be listed hold up those alone that are compiled from them."""

import asyncio

import pytest
from operator_making import RUNTIME, a_document

from fourplane_kube import NoAccessError, UnreachableError
from fourplane_operator.gathering import Gathered
from fourplane_operator.listing import Lister
from fourplane_operator.metrics import Metrics
from fourplane_operator.reports import Reports

POOLS = [{"name": "main", "triton": {"endpoints": ["127.0.0.1:9"], "models": [{"name": "m"}]}}]


def a_runtime(name, **allowed):
    spec = {"pools": POOLS, "allowedRoutes": {"namespaces": allowed}} if allowed else {"pools": POOLS}
    return a_document(RUNTIME, name, spec, version=1, namespace="shop")


def from_names(*names):
    return {"from": "Names", "names": list(names)}


class Listings:
    """Namespaces with runtimes, some of which can't be listed."""

    def __init__(self, *documents):
        self.documents = documents
        self.failing = {}

    async def list(self, kind, namespace=""):
        if namespace in self.failing:
            raise self.failing[namespace]
        ours = [one for one in self.documents if one["metadata"]["namespace"] == namespace]
        return [one | {} for one in ours if one["kind"] == kind.kind], "5"


def a_lister(cluster, *namespaces):
    gathered, reports = Gathered(lambda _: None), Reports(lambda _: {}, lambda _: None)
    return Lister(cluster=cluster, namespaces=namespaces, gathered=gathered, reports=reports, metrics=Metrics())


def listed(lister):
    """List everything once; what works is complete."""
    for namespace in lister.namespaces:
        if asyncio.run(lister.look(namespace)):
            lister.complete.add(namespace)
    return lister


def value(lister, series, **labels):
    return lister.metrics.registry.get_sample_value(series, labels)


@pytest.mark.parametrize(
    ("runtime", "is_known"),
    [
        (a_runtime("own"), True),
        (a_runtime("near", **from_names("near")), True),
        (a_runtime("far", **from_names("near", "far")), False),
        (a_runtime("all", **{"from": "All"}), False),
        (a_document(RUNTIME, "broken", {"pools": 7}, version=1, namespace="shop"), False),
    ],
)
def test_a_forbidden_namespace_holds_up_those_runtimes_that_take_routes_from_it(runtime, is_known):
    cluster = Listings(runtime)
    cluster.failing["far"] = NoAccessError("forbidden", status=403)
    lister = listed(a_lister(cluster, "shop", "near", "far"))
    name = f"shop/{runtime['metadata']['name']}"
    assert lister.knows_all_of(name) is is_known
    assert not lister.knows_all_of("far/any")
    assert lister.knows_all_of("unwatched/any"), "a route may name what nobody watches: it is told so"
    cluster.failing.clear()
    assert listed(lister).knows_all_of(name)


def test_who_watches_all_namespaces_knows_nothing_before_all_are_listed():
    lister = a_lister(Listings())
    assert not lister.knows_all_of("shop/any")
    lister.complete.add("")
    assert lister.knows_all_of("shop/any")


def test_a_refusal_is_said_once_until_it_works_again_and_is_told_in_a_metric(caplog):
    cluster = Listings(a_runtime("own"))
    lister = a_lister(cluster, "shop", "far")
    refusal = NoAccessError("GET far: forbidden", status=403)
    cluster.failing["far"] = refusal
    listed(listed(lister))
    assert [one.getMessage().partition(",")[0] for one in caplog.records] == ["namespace far can't be listed"]
    assert value(lister, "fourplane_operator_listed", namespace="far") == 0
    assert value(lister, "fourplane_operator_listed", namespace="shop") == 1
    assert value(lister, "fourplane_operator_failures_total", error="NoAccessError") == 2
    cluster.failing.clear()
    listed(lister)
    assert value(lister, "fourplane_operator_listed", namespace="far") == 1
    cluster.failing["far"] = refusal
    listed(lister)
    assert "what was known of it stands" in caplog.records[-1].getMessage()
    assert lister.knows_all_of("far/any")


def test_trouble_that_passes_is_said_each_time_and_counted(caplog):
    cluster = Listings()
    cluster.failing["shop"] = UnreachableError("nobody answers")
    lister = listed(listed(a_lister(cluster, "shop")))
    assert len(caplog.records) == 2
    assert value(lister, "fourplane_operator_failures_total", error="UnreachableError") == 2
