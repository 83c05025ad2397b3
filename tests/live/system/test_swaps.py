"""Snapshots that are swapped under load: no request fails, and each is answered as some published snapshot says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conformance_calls import Peer, floats
from system_engine import Engine
from system_load import Caller, Talk, running
from system_runtime import a_route, a_runtime
from system_worker import eventually

BENCH = Path(__file__).parents[3] / "bench"
MODELS = ["left", "right"]
SWAPS = 30


@pytest.fixture
def engines() -> Iterator[dict[str, str]]:
    """Three engines: name -> address."""
    with ExitStack() as opened:
        yield {name: opened.enter_context(Engine(name)).address for name in ("north", "south", "west")}


@contextmanager
def fast_engine() -> Iterator[str]:
    """An engine that answers anything at once."""
    with subprocess.Popen([sys.executable, str(BENCH / "fake_engine.py")], stdout=subprocess.PIPE) as process:
        yield f"127.0.0.1:{process.stdout.readline().decode().strip()}"
        process.kill()


class Plot:
    """What is published one after the other, and what each snapshot allows."""

    def __init__(self, state, engines):
        self.state = state
        self.engines = engines
        self.allowed = {}
        self.order = []

    def publish(self, number):
        """Move endpoints, shift weights and add a route."""
        names = sorted(self.engines)
        here = [names[number % 3]] if number % 2 else [names[number % 3], names[(number + 1) % 3]]
        weights = {"left": number % 3, "right": (number + 1) % 2 + (number % 3 == 0)}
        routes = [a_route("steady", *(("main", model, weight) for model, weight in weights.items()))]
        routes += [a_route(f"added-{place}", ("main", "left")) for place in range(number)]
        endpoints = [self.engines[name] for name in here]
        activation = self.state.publish(a_runtime({"main": (endpoints, MODELS)}), *routes)
        self.order.append(activation.stable)
        self.allowed[activation.stable] = (set(here), {model for model, weight in weights.items() if weight})
        return activation

    def check(self, heard):
        """Require of one connection's answers that they follow what was published."""
        assert {each.code for each in heard} == {"OK"}
        places = [self.order.index(each.digest) for each in heard]
        assert places == sorted(places), "a connection saw a snapshot that was superseded before"
        for each in heard:
            engines, models = self.allowed[each.digest]
            assert each.engine in engines and each.model in models


@pytest.mark.timeout(120)
def test_no_request_fails_while_snapshots_are_swapped(state, engines, start):
    plot = Plot(state, engines)
    plot.publish(0)
    worker = start("--workers", "2")
    worker.serves()
    callers = [Caller(worker.address, "steady") for _ in range(4)]
    with running(*callers):
        eventually(lambda: all(caller.heard for caller in callers), "everybody is served")
        for number in range(1, SWAPS + 1):
            activation = plot.publish(number)
            if number % 3 == 0:
                worker.serves(activation)
                state.tidy()
        worker.serves(activation)
        before = [len(caller.heard) for caller in callers]
        eventually(
            lambda: all(len(caller.heard) > count + 20 for caller, count in zip(callers, before, strict=True)),
            "everybody is served on",
        )
    for caller, count in zip(callers, before, strict=True):
        plot.check(caller.heard)
        # The one that was under way when the last acknowledgement came may still be of the snapshot before.
        assert {each.digest for each in caller.heard[count + 1 :]} == {activation.stable}
    assert len({each.digest for caller in callers for each in caller.heard}) > SWAPS / 3
    with Peer(worker.address) as peer:
        assert peer.infer(floats(f"added-{SWAPS - 1}", [1.0])).code == "OK"
    metrics = worker.metrics()
    assert set(metrics.outcomes()) == {"OK"}
    assert metrics.outcomes(route="default/steady")["OK"] == sum(len(caller.heard) for caller in callers)
    assert (metrics.value("fourplane_snapshot_info"), metrics.value("fourplane_config_rejected_total")) == (1, 0)
    assert [sample.labels["digest"] for sample in metrics.samples if sample.name == "fourplane_snapshot_info"] == [
        activation.stable
    ]


def test_a_stream_that_lives_over_swaps_is_planned_message_by_message(state, engines, start):
    def publish(engine, model):
        return state.publish(
            a_runtime({"main": ([engines[engine]], MODELS), "other": ([engines["west"]], MODELS)}),
            a_route("steady", ("main", model)),
            a_route("moved", ("other" if model == "left" else "main", "left")),
        )

    digests = [publish("north", "left").stable]
    worker = start("--workers", "2")
    worker.serves()
    with Peer(worker.address) as peer, Talk(peer) as talk:
        models, pools = [], []
        for number in range(12):
            models.append(talk.ask("steady", number).parameters["model"].string_param)
            pools.append(talk.ask("moved", number).parameters["engine"].string_param)
            digests.append(publish("north", "right" if number % 2 == 0 else "left").stable)
            worker.serves()
        trailers = talk.end()
    assert models == ["left", "right"] * 6
    assert pools == ["west", "north"] * 6
    assert trailers["x-fourplane-digest"] == ",".join(dict.fromkeys(digests))
    assert trailers["x-fourplane-outcome"] == "OK"


def test_a_stream_goes_on_where_its_engine_is_no_endpoint_any_more(state, engines, start):
    def publish(engine):
        state.publish(a_runtime({"main": ([engines[engine]], MODELS)}), a_route("steady", ("main", "left")))

    publish("north")
    worker = start()
    worker.serves()
    with Peer(worker.address) as peer, Talk(peer) as talk:
        assert talk.ask("steady", 0).parameters["engine"].string_param == "north"
        publish("south")
        worker.serves()
        assert talk.ask("steady", 1).parameters["engine"].string_param in ("north", "south")
        with Talk(peer) as later:
            assert later.ask("steady", 2).parameters["engine"].string_param == "south"
            later.end()
        talk.end()
    worker.is_idle()


@pytest.mark.timeout(120)
def test_a_flood_of_requests_does_not_notice_swaps(state, start, tmp_path):
    message = floats("steady", [1.0] * 16).SerializeToString()
    (tmp_path / "body").write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    with fast_engine() as one, fast_engine() as two:

        def publish(number):
            endpoints = [[one], [two], [one, two]][number % 3]
            routes = [a_route("steady", ("main", "left", 1 + number), ("main", "right", 2))]
            routes += [a_route(f"added-{place}", ("main", "left")) for place in range(number % 7)]
            return state.publish(a_runtime({"main": (endpoints, MODELS)}), *routes)

        publish(0)
        worker = start("--workers", "2")
        worker.serves()
        command = [
            *("h2load", "-n", "60000", "-c", "16", "-m", "8", "-t", "1", "-d", str(tmp_path / "body")),
            *("-H", "content-type: application/grpc", "-H", "te: trailers"),
            f"http://{worker.address}/inference.GRPCInferenceService/ModelInfer",
        ]
        swaps = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
            eventually(lambda: worker.metrics().value("fourplane_requests_total"), "the load has begun")
            while load.poll() is None:
                swaps += 1
                publish(swaps)
                if swaps % 2:
                    worker.serves()
            report = load.stdout.read()
    counted = re.search(r"(\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", report)
    assert counted and counted.groups() == ("60000",) * 4 + ("0", "0"), report
    assert worker.metrics().outcomes() == {"OK": 60000}
    assert swaps > 10
