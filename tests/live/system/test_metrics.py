"""Metrics: they count what was sent, and are named as the documents and Prometheus say."""

import re
import urllib.request
from pathlib import Path

import pytest
from conformance_calls import Peer, floats
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from system_engine import BROKEN
from system_runtime import a_route, a_runtime
from system_worker import eventually

from fourplane_worker.store import files

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"
UNITS = ("_seconds", "_bytes", "_info", "_total")
"""Suffixes that say a unit (https://prometheus.io/docs/practices/naming)."""
ABBREVIATED = re.compile(r"_(ms|millis|milliseconds|sec|secs|mins?|kb|mb|kib|mib|percent|pct)(_|$)")
SERIES = ("route", "pool", "backend")


def resources(engine):
    return (
        a_runtime(
            {"main": ([engine.address], ["left", "right", BROKEN]), "gone": (["127.0.0.1:1"], ["left"])},
            limits={"maxRequestBytes": 10_000},
        ),
        a_route("steady", ("main", "left")),
        a_route("split", ("main", "left"), ("main", "right")),
        a_route("broken", ("main", BROKEN)),
        a_route("unreachable", ("gone", "left")),
    )


@pytest.fixture
def worker(state, engine, start):
    state.publish(*resources(engine))
    worker = start("--workers", "2")
    worker.until(lambda status: status.get("ready"), "it serves")
    return worker


def send(worker):
    """Send calls that end in every way there is, over several connections, and return how many of each."""
    for _ in range(6):
        with Peer(worker.address, ("grpc.use_local_subchannel_pool", 1)) as peer:
            for _ in range(5):
                peer.infer(floats("steady", [1.0] * 100))
            for _ in range(4):
                peer.infer(floats("split", [1.0]))
            peer.infer(floats("broken", [1.0]))
            peer.infer(floats("unreachable", [1.0]))
            peer.infer(floats("nowhere", [1.0]))
            peer.infer(floats("steady", [1.0] * 5000))
            peer.call("/nobody.Service/Method", b"")
            peer.call("RepositoryModelUnload", b"")
            peer.call("ServerLive", b"")
            answer = peer.stream([floats("steady", [1.0]), floats("steady", [2.0]), floats("nowhere", [3.0])])
            assert (answer.code, len(answer.responses)) == ("OK", 3)
    return {
        ("default/steady", "left"): {"OK": 36},
        ("default/split", None): {"OK": 24},
        ("default/broken", BROKEN): {"ENGINE_ERROR": 6},
        ("default/unreachable", "left"): {"POOL_UNAVAILABLE": 6},
        ("", ""): {
            "MODEL_NOT_FOUND": 12,
            "MESSAGE_TOO_LARGE": 6,
            "METHOD_NOT_SERVED": 6,
            "ADMINISTRATION_REFUSED": 6,
            "OK": 6,
        },
    }


def test_what_was_sent_is_counted_by_route_backend_and_outcome(worker):
    sent = send(worker)
    worker.is_idle()
    metrics = worker.metrics()
    for (route, backend), outcomes in sent.items():
        labels = {"route": route} if backend is None else {"route": route, "backend": backend}
        assert metrics.outcomes(**labels) == outcomes
        assert metrics.value("fourplane_request_duration_seconds_count", **labels) == sum(outcomes.values())
    assert set(metrics.outcomes(route="default/split", backend="left")) == {"OK"}
    assert metrics.value("fourplane_stream_messages_received_total") == 12
    assert metrics.value("fourplane_stream_messages_sent_total", route="default/steady") == 12
    assert metrics.value("fourplane_connections_total") == 6
    assert metrics.value("fourplane_connection_failures_total") == 0
    tensors = 6 * (5 * 400 + 4 * 4 + 2 * 4)
    assert metrics.value("fourplane_sent_bytes_total") > tensors
    assert metrics.value("fourplane_received_bytes_total") > tensors
    assert (metrics.value("fourplane_endpoints"), metrics.value("fourplane_endpoints_up")) == (2, 1)


def test_every_histogram_counts_what_its_counter_counts(worker):
    send(worker)
    worker.is_idle()
    metrics = worker.metrics()
    keys = {tuple(sample.labels[name] for name in SERIES) for sample in metrics.samples if "route" in sample.labels}
    assert len(keys) >= 6
    for key in keys:
        labels = dict(zip(SERIES, key, strict=True))
        buckets = [
            sample.value
            for sample in metrics.samples
            if sample.name == "fourplane_request_duration_seconds_bucket" and labels.items() <= sample.labels.items()
        ]
        assert buckets == sorted(buckets)
        assert buckets[-1] == metrics.value("fourplane_request_duration_seconds_count", **labels)
        assert buckets[-1] == sum(metrics.outcomes(**labels).values())


OF_A_FOLLOWER = {"fourplane_api_server_reachable", "fourplane_api_server_absent_seconds"}
"""Exposed in a cluster alone: tests/cluster/worker."""


def test_the_document_names_every_metric_and_no_other(worker, state, engine):
    send(worker)
    state.publish(*resources(engine), a_route("another", ("main", "left")))
    eventually(lambda: worker.metrics().value("fourplane_config_propagation_seconds"), "a snapshot was swapped")
    files.write(state.folder.activation, b"nobody's")
    eventually(lambda: worker.metrics().value("fourplane_config_rejected_total"), "an activation is refused")
    section = DOCUMENT.read_text().partition("## What to watch")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(fourplane_[a-z_]+)", section)) - OF_A_FOLLOWER
    exposed = {
        sample.name if family.type == "info" or sample.name.endswith("_total") else family.name
        for family in worker.metrics().families
        for sample in family.samples
    }
    assert documented == exposed


def test_names_types_and_texts_follow_the_rules_of_prometheus(worker):
    send(worker)
    page = worker.metrics()
    for family in page.families:
        assert re.fullmatch(r"fourplane_[a-z]+(_[a-z]+)*", family.name)
        assert not ABBREVIATED.search(family.name), "units are spelled out, and base units"
        assert family.documentation.endswith(".") and family.type != "unknown"
        names = {sample.name for sample in family.samples}
        if family.type == "counter":
            assert names <= {f"{family.name}_total"}
        elif family.type == "histogram":
            assert {name.removeprefix(family.name) for name in names} == {"_bucket", "_count", "_sum"}
            assert family.name.endswith(UNITS)
            assert {sample.labels["le"] for sample in family.samples if "le" in sample.labels} >= {"+Inf", "0.001"}
        elif family.type == "gauge":
            assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))
        for sample in family.samples:
            assert all(re.fullmatch(r"[a-z]+", label) for label in sample.labels)
    assert len(page.samples) == len({(sample.name, *sorted(sample.labels.items())) for sample in page.samples})


def test_scrapers_that_ask_for_openmetrics_get_it(worker):
    send(worker)
    request = urllib.request.Request(
        worker.metrics_url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    assert families["fourplane_requests"].type == "counter"
    assert families["fourplane_snapshot"].type == "info"


def test_the_pages_for_probes_say_the_truth(worker):
    assert (worker.page("/readyz"), worker.page("/healthz")) == ("ok\n", "ok\n")
    metrics = worker.metrics()
    assert metrics.value("fourplane_ready") == 1
    assert metrics.value("fourplane_processes") == metrics.value("fourplane_processes_serving") == 2
