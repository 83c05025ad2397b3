"""Deletions, listings and events in every order: what is gone stays gone, and what came after it is there."""

from itertools import permutations

import pytest
from operator_making import ROUTE, RUNTIME, a_document, a_route

from fourplane_compiler.diagnostics import SourceRef
from fourplane_operator.gathering import Gathered
from fourplane_operator.reports import Reports

R = SourceRef(ROUTE, "default/r")
SPEC = {
    "runtime": "default/demo",
    "workerVersion": "1.0.0",
    "contractVersions": ["1"],
    "processes": {"wanted": 1, "serving": 1, "summary": "1/1"},
}


class Routes:
    """What stays of one route."""

    def __init__(self):
        self._gathered = Gathered(lambda _: None)

    def tell(self, news):
        what, version = news
        if what == "listed":
            self._gathered.listed(ROUTE, "default", [a_route(version=version, uid="first")], "5")
        elif what == "listed empty":
            self._gathered.listed(ROUTE, "default", [], str(version))
        else:
            getattr(self._gathered, what)(a_route(version=version, uid="second" if version > 6 else "first"))

    @property
    def version(self):
        known = self._gathered.known.get(R)
        return known.version if known else 0


class OfWorkers:
    """What stays of one worker's report."""

    def __init__(self):
        self._heard = {}
        self._reports = Reports(lambda _: self._heard, lambda _: None)

    def tell(self, news):
        what, version = news
        document = a_document("WorkerReport", "r", SPEC, version=version)
        if what.startswith("listed"):
            self._reports.listed("default", [] if "empty" in what else [document], 5 if what == "listed" else version)
        else:
            getattr(self._reports, what)(document)

    @property
    def version(self):
        return self._heard["default/r"].version if self._heard else 0


EVERYONE = pytest.mark.parametrize("kind", [Routes, OfWorkers])


@EVERYONE
@pytest.mark.parametrize("order", list(permutations([("saw", 3), ("lost", 6), ("listed", 3)])))
def test_what_was_deleted_stays_so_in_whatever_order_it_is_told(kind, order):
    known = kind()
    for news in order:
        known.tell(news)
    assert known.version == 0


@EVERYONE
@pytest.mark.parametrize("order", list(permutations([("saw", 3), ("lost", 6), ("listed", 3), ("saw", 7)])))
def test_one_of_the_same_name_that_came_after_is_there(kind, order):
    known = kind()
    for news in order:
        known.tell(news)
    assert known.version == 7


@EVERYONE
def test_an_event_from_before_a_listing_that_lacks_it_is_old_news(kind):
    known = kind()
    known.tell(("listed empty", 10))
    known.tell(("saw", 9))
    assert known.version == 0
    known.tell(("saw", 11))
    assert known.version == 11


def test_a_listing_of_one_namespace_forgets_no_deletion_of_another():
    gathered = Gathered(lambda _: None)
    gathered.lost(a_route(version=4, namespace="other"))
    gathered.listed(ROUTE, "default", [], "9")
    gathered.saw(a_route(version=3, namespace="other"))
    assert gathered.known == {}


def test_a_report_that_can_not_be_read_is_not_replaced_by_an_older_one():
    heard = {}
    reports = Reports(lambda _: heard, lambda _: None)
    reports.saw(a_document("WorkerReport", "r", {}, version=4))
    reports.saw(a_document("WorkerReport", "r", SPEC, version=3))
    assert heard == {}


@pytest.mark.parametrize(
    ("allowed", "takes"),
    [
        ({}, [False, False]),
        ({"namespaces": {"from": "Names", "names": ["near"]}}, [True, False]),
        ({"namespaces": {"from": "All"}}, [True, True]),
    ],
)
def test_it_is_known_from_where_a_runtime_takes_routes(allowed, takes):
    gathered = Gathered(lambda _: None)
    pools = [{"name": "main", "triton": {"endpoints": ["127.0.0.1:9"], "models": [{"name": "m"}]}}]
    gathered.saw(a_document(RUNTIME, "demo", {"pools": pools, "allowedRoutes": allowed}, version=1))
    known = gathered.known[SourceRef(RUNTIME, "default/demo")]
    assert known.takes.is_known
    assert [known.takes.holds(one) for one in ("near", "far")] == takes


def test_of_a_runtime_that_can_not_be_read_it_is_not_known():
    gathered = Gathered(lambda _: None)
    gathered.saw(a_document(RUNTIME, "demo", {"pools": 7}, version=1))
    assert not gathered.known[SourceRef(RUNTIME, "default/demo")].takes.is_known
