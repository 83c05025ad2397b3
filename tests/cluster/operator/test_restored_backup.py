"""etcd comes back as it was some time ago: everything that was decided since is gone, and workers hold it."""

import shutil

import pytest
from acting_operator import nothing_behind
from system_runtime import a_route
from system_worker import eventually

SHORT = ("--lease-duration", "5")


@pytest.mark.timeout(150)
def test_workers_follow_an_operator_whose_etcd_was_restored(own_site, start_operator, start_worker):
    cluster, data = own_site.cluster, own_site.cluster.folder / "etcd"
    first = start_operator(own_site, *SHORT)
    worker = start_worker(own_site, "shop-0")
    own_site.apply(*nothing_behind("old"))
    own_site.until("mroute", "old", "Ready", "True")
    cluster.etcd.stop()
    shutil.copytree(data, data.with_name("backup"))
    cluster.etcd.start()
    # Since then others lead, and another snapshot is active: the workers hold a higher epoch.
    first.end()
    start_operator(own_site, *SHORT).leads().stop()
    first.start()
    own_site.apply(a_route("lost", ("main", "echo")))
    own_site.until("mroute", "lost", "Ready", "True")
    held = own_site.active()
    worker.until(lambda status: status["acknowledged"]["digest"] == held["stable"], "the worker serves what is lost")
    second = start_operator(own_site, *SHORT)

    cluster.api_server.stop()
    cluster.etcd.stop()
    shutil.rmtree(data)
    data.with_name("backup").rename(data)
    cluster.etcd.start()
    cluster.api_server.start()
    own_site.apply(a_route("new", ("main", "echo")))
    own_site.until("mroute", "new", "Ready", "True")
    active = own_site.active()
    assert active["epoch"] > held["epoch"]
    assert worker.report()["acknowledged"]["digest"] == active["stable"] != held["stable"]
    own_site.until("rtd", "shop", "Ready", "True")
    # Whoever leads next watches what there is now, too.
    (leader,) = (one for one in (first, second) if one.metrics().value("fourplane_operator_leader") == 1)
    leader.end()
    own_site.apply(a_route("next", ("main", "echo")))
    own_site.until("mroute", "next", "Ready", "True")
    own_site.cluster.kubectl_text("delete", "mroute", "next", "--namespace=default")
    eventually(own_site.active, "the route is gone", lambda spec: spec["stable"] == active["stable"])
