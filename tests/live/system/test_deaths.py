"""Processes that die: what their callers see, and who goes on."""

import socket
import subprocess
from itertools import chain
from pathlib import Path

from conformance_calls import Peer, floats
from system_load import Caller, answers, running
from system_runtime import State
from system_worker import COMMAND, eventually, is_alive, kill


def test_every_process_serves_on_the_one_port(publish, start):
    publish()
    worker = start("--workers", "2")
    worker.serves()
    callers = [Caller(worker.address, "steady") for _ in range(16)]
    with running(*callers):
        eventually(lambda: all(caller.heard for caller in callers), "everybody is served")
        connections = [count_connections(pid) for pid in worker.pids()]
    assert len(connections) == 2 and min(connections) > 1  # one goes to the engine
    assert {each.code for caller in callers for each in caller.heard} == {"OK"}
    assert worker.metrics().value("fourplane_processes_serving") == 2


def count_connections(pid):
    """Return how many TCP connections a process has, to clients and to engines."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()]
    established = {f"socket:[{row[9]}]" for row in rows if row[3] == "01"}
    return sum(str(handle.readlink()) in established for handle in Path(f"/proc/{pid}/fd").iterdir())


def is_one_break(heard):
    """Tell whether the calls that failed came one after the other, until the client was connected again."""
    places = [place for place, each in enumerate(heard) if each.code != "OK"]
    return not places or places[-1] - places[0] < len(places)


def test_the_death_of_one_process_breaks_its_calls_alone_and_takes_nothing_from_the_counters(publish, start, engine):
    publish()
    worker = start("--workers", "2")
    worker.serves()
    doomed, other = worker.pids()
    with Peer(worker.address) as first:
        assert first.infer(floats("steady", [1.0])).code == "OK"
        before = worker.metrics()
        callers = [Caller(worker.address, "steady") for _ in range(12)]
        with running(*callers):
            eventually(lambda: all(len(caller.heard) > 10 for caller in callers), "everybody is served")
            seen = worker.metrics()
            kill(doomed)
            worker.until(lambda status: doomed not in worker.pids() and status["ready"], "it is replaced")
            marks = [len(caller.heard) for caller in callers]
            eventually(
                lambda: all(len(caller.heard) > mark + 10 for caller, mark in zip(callers, marks, strict=True)),
                "everybody is served on",
            )
            later = worker.metrics()
    for old, new in ((before, seen), (seen, later)):
        counters = new.counters()
        assert all(counters.get(key, -1) >= value for key, value in old.counters().items())
    failed = [[each for each in caller.heard if each.code != "OK"] for caller in callers]
    assert all(is_one_break(caller.heard) for caller in callers), failed
    assert 0 < sum(map(bool, failed)) < len(callers)
    assert {each.code for each in chain(*failed)} == {"UNAVAILABLE"}
    assert other in worker.pids() and len(worker.pids()) == 2
    assert later.value("fourplane_process_restarts_total") == 1
    assert len(worker.logged("killed by SIGKILL")) == 1


def test_when_the_supervisor_dies_its_processes_end_and_another_one_goes_on(publish, start, state):
    activation = publish()
    worker = start("--workers", "2")
    worker.serves()
    orphans = worker.pids()
    kill(worker.process.pid)
    worker.gone()
    eventually(lambda: not any(map(is_alive, orphans)), "the processes end by themselves")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", worker.port))
    worker.start()
    worker.serves(activation)
    assert answers(worker.address) == {("OK", activation.stable)}
    assert worker.status()["offered"]["digest"] == activation.stable


def test_a_supervisor_that_comes_at_once_takes_over_from_orphans(publish, start):
    activation = publish()
    worker = start("--workers", "2")
    worker.serves()
    orphans = worker.pids()
    kill(worker.process.pid)
    worker.gone()
    worker.start()
    worker.serves(activation)
    assert answers(worker.address) == {("OK", activation.stable)}
    assert not set(orphans) & set(worker.pids())
    assert not any(map(is_alive, orphans))


def test_open_calls_of_orphans_may_end(publish, start, engine):
    publish()
    worker = start()
    worker.serves()
    with Peer(worker.address) as peer:
        call = peer.stub.ModelInfer.future(floats("held", [1.0]), timeout=20)
        engine.holding.acquire()
        kill(worker.process.pid)
        worker.gone()
        engine.let_go.set()
        assert call.code().name == "OK"
    worker.start()
    worker.serves()


def test_a_second_worker_on_the_same_folder_or_port_says_so(publish, start, state, tmp_path):
    publish()
    worker = start()
    worker.serves()
    elsewhere = State(tmp_path / "elsewhere")
    publish(to=elsewhere)
    for folder, listen, status, why in (
        (state, "127.0.0.1:0", 3, "runs here already"),
        (elsewhere, worker.address, 2, "is taken"),
    ):
        command = [*COMMAND, "--state", str(folder.folder.root), "--listen", listen]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert ran.returncode == status and why in ran.stderr
    assert answers(worker.address) == {("OK", state.digest())}
