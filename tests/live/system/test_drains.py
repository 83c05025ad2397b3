"""Workers that are stopped under load: calls on their way end, and clients that come back lose nothing."""

import signal
import socket
import urllib.error
from contextlib import ExitStack

import pytest
from conformance_calls import Peer, floats
from system_faithful import FaithfulCaller
from system_h2 import SlowReader
from system_load import NO_RETRIES, Caller, Talk, running
from system_runtime import State, steady
from system_worker import Worker, eventually

RESTARTS = 10


@pytest.mark.timeout(180)
def test_clients_that_honour_goaway_lose_no_call_over_restarts(publish, start):
    publish()
    worker = start("--workers", "2")
    worker.serves()
    # Without what gRPC calls transparent retries it loses calls by itself that it never sent.
    stock = [Caller(worker.address, "steady", wait_for_ready=True, options=()) for _ in range(3)]
    faithful = [FaithfulCaller(worker.port, "steady") for _ in range(3)]
    with running(*stock, *faithful):
        for _ in range(RESTARTS):
            marks = [caller.ended["0"] for caller in faithful], [len(caller.heard) for caller in stock]
            eventually(lambda marks=marks: served_on(faithful, stock, *marks), "everybody is served")
            assert worker.end() == 0
            worker.start()
    assert [each for caller in stock for each in caller.heard if each.code != "OK"] == []
    assert [set(caller.ended) for caller in faithful] == [{"0"}] * 3
    assert all(caller.connections >= RESTARTS for caller in faithful)


def served_on(faithful, stock, calls, answers):
    """Tell whether every client has had answers beyond these numbers."""
    return all(caller.ended["0"] > mark + 3 for caller, mark in zip(faithful, calls, strict=True)) and all(
        len(caller.heard) > mark + 3 for caller, mark in zip(stock, answers, strict=True)
    )


def test_calls_in_flight_end_within_the_grace(publish, start, engine):
    publish()
    worker = start("--workers", "2", "--grace", "25")
    worker.serves()
    with ExitStack() as opened:
        peers = [opened.enter_context(Peer(worker.address, *NO_RETRIES)) for _ in range(4)]
        calls = [peer.stub.ModelInfer.future(floats("held", [1.0]), timeout=20) for peer in peers]
        talk = opened.enter_context(Talk(peers[0]))
        talk.ask("steady", 1)
        for _ in calls:
            engine.holding.acquire()
        worker.process.send_signal(signal.SIGTERM)
        worker.until(lambda status: status["state"] == "Draining", "it says that it drains")
        eventually(lambda: len(worker.logged("draining")) == 2, "every process drains")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            worker.page("/readyz")
        assert worker.page("/healthz") == "ok\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", worker.port))
        assert talk.ask("steady", 2).parameters["model"].string_param == "left"
        talk.end()
        assert worker.process.poll() is None
        engine.let_go.set()
        assert {call.code().name for call in calls} == {"OK"}
    assert worker.gone() == 0
    assert not worker.status()


def test_what_does_not_end_within_the_grace_is_broken_off(publish, start, engine):
    publish()
    worker = start("--grace", "0.5")
    worker.serves()
    with Peer(worker.address, *NO_RETRIES) as peer, Talk(peer) as talk:
        call = peer.stub.ModelInfer.future(floats("held", [1.0]), timeout=20)
        talk.ask("steady", 1)
        engine.holding.acquire()
        assert worker.end() == 0
        assert call.code().name == "UNAVAILABLE"
    assert not worker.logged("killing")


def test_an_answer_that_waits_for_its_reader_is_not_cut_off(publish, start, engine):
    publish()
    worker = start()
    worker.serves()
    with SlowReader(worker.port) as reader:
        reader.ask(floats("steady", [0.0] * 50_000).SerializeToString())
        reader.read_window()
        eventually(lambda: worker.metrics().outcomes().get("OK") == 1, "the engine has answered")
        worker.process.send_signal(signal.SIGTERM)
        reader.read_goaway()
        reader.read_all()
        assert reader.reset is None
        assert reader.trailers["grpc-status"] == "0"
        assert len(reader.body) > 200_000
    assert worker.gone() == 0


def test_idle_connections_hold_up_no_drain(publish, start):
    publish()
    worker = start()
    worker.serves()
    with ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(socket.create_connection(("127.0.0.1", worker.port)))
            peer = opened.enter_context(Peer(worker.address, ("grpc.use_local_subchannel_pool", 1)))
            assert peer.infer(floats("steady", [1.0])).code == "OK"
        assert worker.end() == 0
    assert not worker.logged("killing")


def test_a_worker_that_ends_leaves_no_folder_of_sockets_behind(tmp_path, engine):
    deep = State(tmp_path / ("far" * 30))
    deep.publish(*steady(engine.address))
    sockets = deep.folder.sockets()
    assert not sockets.is_relative_to(tmp_path), "a socket's path is too long here"
    worker = Worker(deep, tmp_path / "log")
    worker.serves()
    with Peer(worker.address) as peer:
        assert peer.call("ServerLive", b"").code == "OK"
    worker.stop()
    assert not sockets.exists()
