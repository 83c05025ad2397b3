"""A worker follows its activation on a real API server, and says what it serves."""

from acting_operator import nothing_behind
from system_worker import eventually


def test_what_is_activated_is_served_and_acknowledged(acting, follow):
    worker = follow("--workers", "2")
    first = acting.publish(*nothing_behind("a"))
    spec = worker.acknowledges(first)
    assert spec["processes"] == {"wanted": 2, "serving": 2, "summary": "2/2"}
    assert spec["runtime"] == acting.runtime
    assert "rejections" not in spec
    second = acting.publish(*nothing_behind("a", "b"))
    worker.acknowledges(second)
    assert worker.page("/readyz") == "ok\n"
    assert worker.metrics().value("fourplane_api_server_reachable") == 1


def test_a_report_belongs_to_its_pod(acting, follow, pod):
    worker = follow()
    worker.reports(lambda spec: spec["processes"]["serving"] == 0, "a worker without a snapshot reports, too")
    [owner] = acting.report(pod.name)["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}


def test_only_shards_that_are_lacking_are_fetched(acting, follow):
    models = [f"model-{number}" for number in range(900)]
    worker = follow()
    worker.acknowledges(acting.publish(*nothing_behind(*models)))
    worker.acknowledges(acting.publish(*nothing_behind(*models[1:])))
    first, second = (line["new_shards"] for line in worker.logged("placed an activation"))
    assert first > 1
    assert second == 1


def test_a_higher_epoch_for_the_same_snapshot_is_acknowledged_and_kept(acting, follow):
    worker = follow()
    first = acting.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    raised = acting.activate(first.stable, epoch=7, sequence=1)
    worker.acknowledges(raised)
    assert len(worker.logged("placed an activation")) == 2
    folder = worker.state.folder
    eventually(lambda: folder.accepted.read_bytes() == folder.activation.read_bytes(), "it is remembered")
