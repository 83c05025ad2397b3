"""The API server goes, for a moment or for days: what is served is served on, and then it catches up."""

import json
import os
import shutil
import signal
import urllib.error
import urllib.request

import pytest
from acting_operator import nothing_behind
from system_worker import eventually

pytestmark = pytest.mark.timeout(180)  # each starts a control plane of its own, some of them three times


@pytest.fixture
def there(own, own_pod):
    """Who acts and who follows on a control plane of the test's own."""
    return own, own_pod


def is_absent(status):
    return status["follows"]["apiServer"] == "absent"


def not_ready(worker):
    with pytest.raises(urllib.error.HTTPError) as refused:
        worker.page("/readyz")
    with refused.value as answer:
        return answer.read().decode()


def test_a_worker_serves_on_without_an_api_server_and_catches_up(own, follow, there):
    worker = follow(there=there)
    first = own.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    own.cluster.api_server.kill()
    worker.until(is_absent, "the worker notices")
    assert worker.page("/readyz") == "ok\n"
    assert worker.metrics().value("fourplane_api_server_reachable") == 0
    assert worker.metrics().value("fourplane_api_server_absent_seconds") > 0
    own.cluster.api_server.start()
    second = own.publish(*nothing_behind("a", "b"))
    worker.acknowledges(second)
    assert worker.metrics().value("fourplane_api_server_reachable") == 1


def test_a_cold_start_without_an_api_server_is_ready_and_catches_up(own, follow, there):
    worker = follow(there=there)
    first = own.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    own.cluster.api_server.kill()
    worker.end(signal.SIGKILL)
    worker.start()
    eventually(lambda: worker.status().get("acknowledged"), "it serves what it has")
    assert worker.page("/readyz") == "ok\n"
    worker.until(is_absent, "the API server is missed")
    own.cluster.api_server.start()
    worker.acknowledges(own.publish(*nothing_behind("a", "b")))


def test_without_a_snapshot_and_an_api_server_a_worker_is_not_ready_and_says_why(own, follow, there):
    own.cluster.api_server.kill()
    worker = follow(there=there)
    eventually(lambda: not_ready(worker), "it says why", lambda page: "runtimeactivations" in page)
    own.cluster.api_server.start()
    eventually(lambda: not_ready(worker), "it says what is missing", lambda page: "there is no RuntimeAct" in page)
    worker.acknowledges(own.publish(*nothing_behind("a")))
    assert worker.page("/readyz") == "ok\n"


def test_what_was_compacted_meanwhile_is_listed_again(own, follow, there):
    worker = follow(there=there)
    worker.acknowledges(own.publish(*nothing_behind("a")))
    os.kill(worker.process.pid, signal.SIGSTOP)
    own.cluster.api_server.kill()
    own.cluster.api_server.start()
    own.delete("runtimeactivations", "shop")
    last = own.publish(*nothing_behind("b"))
    compact(own.cluster)
    own.cluster.api_server.restart()
    os.kill(worker.process.pid, signal.SIGCONT)
    worker.acknowledges(last)


def test_a_frozen_api_server_is_waited_for(own, follow, there):
    worker = follow(there=there)
    worker.acknowledges(own.publish(*nothing_behind("a")))
    own.cluster.api_server.pause()
    assert worker.page("/readyz") == "ok\n"
    own.cluster.api_server.resume()
    worker.acknowledges(own.publish(*nothing_behind("b")))


def test_a_report_that_could_not_be_written_is_written_as_the_worker_is_then(own, follow, there):
    worker = follow("--workers", "2", there=there)
    worker.acknowledges(own.publish(*nothing_behind("a")))
    before = worker.pids()
    own.cluster.api_server.kill()
    os.kill(before[0], signal.SIGKILL)
    eventually(worker.pids, "another process serves", lambda pids: len(pids) == 2 and pids != before)
    own.cluster.api_server.start()
    worker.reports(lambda spec: spec["processes"]["serving"] == 2, "both serve")
    own.delete("workerreports", worker.pod.name)
    os.kill(worker.pids()[0], signal.SIGKILL)
    worker.reports(lambda spec: spec["processes"]["serving"] == 2, "a deleted report comes back with a change")


def test_a_restored_backup_is_refused_until_a_decision_goes_above_what_was_taken(own, follow, there):
    worker = follow(there=there)
    cluster = own.cluster
    first = own.publish(*nothing_behind("a"))
    worker.acknowledges(first)
    stop(cluster)
    shutil.copytree(cluster.folder / "etcd", cluster.folder / "backup")
    start(cluster)
    for epoch in range(2, 6):
        second = own.publish(*nothing_behind(f"b{epoch}"))
        newest = own.activate(second.stable, epoch=epoch, sequence=1)
        worker.acknowledges(newest)
    stop(cluster)
    shutil.rmtree(cluster.folder / "etcd")
    shutil.move(cluster.folder / "backup", cluster.folder / "etcd")
    start(cluster)
    assert worker.rejects("Replayed")["digest"] == first.stable
    assert worker.report()["acknowledged"]["epoch"] == newest.epoch
    worker.acknowledges(own.activate(first.stable, epoch=newest.epoch + 1, sequence=1))


def stop(cluster):
    cluster.api_server.kill()
    cluster.etcd.stop()


def start(cluster):
    cluster.etcd.start()
    cluster.api_server.start()


def compact(cluster):
    """Make etcd forget everything but what is there now."""
    revision = ask(cluster, "range", {"key": "AA=="})["header"]["revision"]
    ask(cluster, "compaction", {"revision": revision, "physical": True})


def ask(cluster, what, question):
    request = urllib.request.Request(f"{cluster._etcd_url}/v3/kv/{what}", data=json.dumps(question).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
