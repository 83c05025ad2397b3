"""What a WorkerReport says."""

import pytest

from fourplane_api.parse import parse_machine
from fourplane_api.report import PoolReport, PoolState
from fourplane_worker.cluster import reports
from fourplane_worker.cluster.reports import Identity, Refused, Standing, Taken

ONE, TWO = ("sha256:" + digit * 64 for digit in "12")
WHO = Identity(runtime="team/shop", pod="shop-0", pod_uid="u-1", version="0.1.0")
TAKEN = Taken(digest=ONE, epoch=3, sequence=7, at="2026-01-31T12:00:05Z")


def a_report(*refused, taken=TAKEN, serving=2, wanted=2, who=WHO):
    return reports.document(who, Standing(taken=taken, refused=refused, serving=serving, wanted=wanted))


def test_a_report_says_what_is_served_by_how_many():
    report = a_report(serving=1)
    assert report["metadata"]["namespace"] == "team"
    assert report["spec"]["acknowledged"]["digestShort"] == "111111111111"
    assert report["spec"]["processes"] == {"wanted": 2, "serving": 1, "summary": "1/2"}
    assert "rejections" not in report["spec"]
    parse_machine(report)


def test_a_worker_that_serves_nothing_acknowledges_nothing():
    assert "acknowledged" not in a_report(taken=None, serving=0)["spec"]


def test_a_report_is_owned_by_its_pod_where_that_is_known():
    unknown = Identity(runtime="team/shop", pod="shop-0", pod_uid="", version="0.1.0")
    assert a_report()["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert "ownerReferences" not in a_report(who=unknown)["metadata"]


def test_each_fault_is_told_once_and_what_names_no_snapshot_is_not():
    damaged = Refused(TWO, "Damaged", "a shard is broken")
    report = a_report(damaged, damaged, Refused("", "Damaged", "garbage"), Refused(TWO, "WorkerError", "oh"))
    assert [each["reason"] for each in report["spec"]["rejections"]] == ["Damaged", "WorkerError"]


def test_no_amount_of_faults_makes_a_report_that_is_not_taken():
    many = [Refused("sha256:" + f"{number:064x}", "Damaged", "x" * 10_000) for number in range(50)]
    report = a_report(*many)
    assert len(report["spec"]["rejections"]) == 16
    parse_machine(report)


def test_labels_and_annotations_of_others_are_kept():
    stored = a_report()
    stored["metadata"] |= {"labels": {"theirs": "yes"}, "resourceVersion": "9", "uid": "r-1"}
    newer = a_report(serving=1)
    assert reports.is_same(stored, a_report())
    assert not reports.is_same(stored, newer)
    over = reports.over(stored, newer)
    assert over["spec"] == newer["spec"]
    assert over["metadata"]["labels"] == {"theirs": "yes"}
    assert over["metadata"]["resourceVersion"] == "9"


def test_an_owner_that_became_known_is_added():
    unknown = Identity(runtime="team/shop", pod="shop-0", pod_uid="", version="0.1.0")
    assert not reports.is_same(a_report(who=unknown), a_report())
    assert reports.is_same(a_report(), a_report(who=unknown))


@pytest.mark.parametrize(
    ("entry", "source", "field"),
    [
        ("route/shops/classifier", {"kind": "ModelRoute", "namespace": "shops", "name": "classifier"}, None),
        ("pool/main", {"kind": "RuntimeDeployment", "namespace": "team", "name": "shop"}, "spec.pools"),
        ("runtime", {"kind": "RuntimeDeployment", "namespace": "team", "name": "shop"}, None),
        ("", None, None),
        ("route/\n/?", None, None),
        ("widget/a/b", None, None),
    ],
)
def test_a_fault_of_one_entry_names_its_resource(entry, source, field):
    report = a_report(Refused(TWO, "Damaged", "it is broken", entry))
    [rejection] = report["spec"]["rejections"]
    assert (rejection.get("source"), rejection.get("field")) == (source, field)
    parse_machine(report)


def test_reports_differ_in_pools_alone_or_in_more():
    pool = PoolReport(name="main", state=PoolState.DOWN, message="a: refused")
    standing = Standing(taken=TAKEN, refused=(), serving=2, wanted=2, pools=(pool,))
    with_pools = reports.document(WHO, standing)
    parse_machine(with_pools)
    assert with_pools["spec"]["pools"] == [{"name": "main", "state": "Down", "message": "a: refused"}]
    assert reports.differ_in_pools_alone(a_report(), with_pools)
    assert not reports.differ_in_pools_alone(a_report(serving=1), with_pools)
    assert not reports.differ_in_pools_alone(with_pools, with_pools)
    assert not reports.differ_in_pools_alone(with_pools, {})
